// A shop in TypeScript on what openapi-typescript makes of /v1/openapi.json: it must compile, and run.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };
type Slate = components["schemas"]["Slate"];
const [address, token] = process.argv.slice(2);
const api = createClient<paths>({
  baseUrl: address,
  headers: { Authorization: `Bearer ${token}` },
});

const asked = await api.POST("/v1/slates", {
  body: { user_id: "typescript", k: 3, segment: "typescript" },
});
if (!asked.data) throw new Error(asked.error.error);
const items: Slate["items"] = asked.data.items;
const event = { slate_id: asked.data.slate_id, user_id: "typescript", ts: Date.now() / 1000 };
const sent = await api.POST("/v1/events", {
  body: [
    { topic: "impressions", event },
    { topic: "clicks", event: { ...event, item_id: items[0]!.item_id } },
  ],
});
const found = await api.GET("/v1/slates/{slate_id}", {
  params: { path: { slate_id: asked.data.slate_id } },
});
console.log(JSON.stringify({
  items: items.map((item) => item.item_id),
  accepted: sent.data?.accepted,
  replay: found.data?.replay,
}));
