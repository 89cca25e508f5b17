// Learning: what is clicked, over time and by variant.
import { get, live } from "./api.js";
import { h, link, table, tiles, to } from "./dom.js";
import { lines } from "./charts.js";
import { outcomes } from "./outcomes.js";
import { clock, percent, whole, wilson } from "./format.js";
import { rates } from "./view_health.js";

const MOST_SEGMENTS = 200;

function overTime() {
  const points = rates(live.points, ["impressions", "clicks"], 30).filter((r) => r.impressions)
    .map((r) => {
      const [low, high] = wilson(r.clicks, r.impressions);
      return { x: r.ts, y: r.clicks / r.impressions, low, high };
    });
  return lines("Clicks per impression, last half hour, with 95% intervals",
    [{ name: "All slates", points }], { value: percent, time: clock });
}

function asked(query) {
  const options = new URLSearchParams(["unit", "sequential"].flatMap((key) => (query.has(key) ? [[key, query.get(key)]] : [])));
  return get(`/v1/outcomes?${options}`);
}

export const learning = {
  title: "Learning", live: true, every: 5,
  load: async (_name, query) => ({
    found: await asked(query),
    segments: await get(`/v1/segments?limit=${MOST_SEGMENTS}`),
  }),
  draw({ found, segments }) {
    const [impressions, clicks] = [live.points.at(-1)?.impressions ?? 0, live.points.at(-1)?.clicks ?? 0];
    return [
      tiles([
        ["Impressions", whole(impressions)],
        ["Clicks", whole(clicks)],
        ["Clicks per impression, all time", impressions ? percent(clicks / impressions) : "–"],
      ]),
      overTime(),
      outcomes(found),
      h("h2", {}, "Segments"),
      table("Segments with most impressions", [
        ["Segment", (row) => link(to("segment", row.segment), row.segment), "head"],
        ["Items seen", (row) => whole(row.items), "n"],
        ["Impressions", (row) => whole(row.impressions), "n"],
        ["Clicks", (row) => whole(row.clicks), "n"],
        ["Clicks per impression", (row) => (row.impressions ? percent(row.clicks / row.impressions) : "–"), "n"],
        ["Conversions", (row) => whole(row.conversions), "n"],
        ["Value", (row) => whole(row.value), "n"],
      ], segments.segments.toSorted((a, b) => b.impressions - a.impressions), "No segment has counts yet."),
      segments.next != null && h("p", {}, `${whole(segments.total)} segments in all; ask for one by name: see Segments.`),
    ];
  },
};
