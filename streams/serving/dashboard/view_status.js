// Releases, dead letters, settings, changes.
import { get } from "./api.js";
import { h, table, tiles } from "./dom.js";
import { date, exact, whole } from "./format.js";

const LETTERS = 100;

export const releases = {
  title: "Releases", every: 10,
  load: () => get("/v1/releases"),
  draw: ({ releases: found }) => {
    const metrics = [...new Set(found.flatMap((each) => Object.keys(each.metrics)))];
    return [
      h("p", {}, "Encoder releases as this process judges them. To go back: ",
        h("code", {}, "slatestream encoder rollback"), "."),
      table("Releases, the newest first", [
        ["Version", (row) => [row.version, row.in_force && h("strong", {}, " in force")], "head"],
        ["State", (row) => row.state],
        ["Why", (row) => row.reason || "–"],
        ["Published (UTC)", (row) => date(row.created_s)],
        ["Status", (row) => row.status],
        ["Follows", (row) => row.previous ?? "–"],
        ["Items", (row) => whole(row.items), "n"],
        ["Numbers a vector", (row) => whole(row.dim), "n"],
        ...metrics.map((name) => [name, (row) => (row.metrics[name] == null ? "–" : exact(row.metrics[name])), "n"]),
      ], found, "No encoder release: slates are learned from counts alone."),
    ];
  },
};

export const letters = {
  title: "Dead letters", every: 5,
  load: () => get(`/v1/dead-letters?limit=${LETTERS}`),
  draw: ({ dead_letters: found }) => [
    h("p", {}, "Events that cannot be used, the newest first. Mend the producer; send mended ones again with ",
      h("code", {}, "slatestream dead-letters --resend"), "."),
    !found.length && h("p", { class: "soft" }, "No dead letters."),
    found.map((each) => h("details", { "data-key": `${each.topic}/${each.partition}/${each.offset}` },
      h("summary", {}, `${date(each.ts)} `, h("strong", {}, each.topic), `: ${each.reason}`),
      h("p", {}, `Partition ${each.partition}, offset ${each.offset}, key ${each.key ?? "none"}.`),
      h("pre", { tabindex: "0" }, each.value))),
  ],
};

export const settings = {
  title: "Settings", every: 0,
  load: () => get("/v1/settings"),
  draw: (found) => [
    h("h2", {}, "Versions in force"),
    tiles(Object.entries(found.versions)),
    h("h2", {}, "Settings in force"),
    table("Those that are not as shipped first", [
      ["Setting", (row) => h("code", {}, row.name), "head"],
      ["Value", (row) => row.value || "–"],
      ["As shipped", (row) => (row.changed ? h("strong", {}, "no") : "yes")],
      ["Means", (row) => row.help],
    ], found.settings),
  ],
};

export const audit = {
  title: "Audit", every: 10,
  load: () => get("/v1/changes"),
  draw: ({ changes }) => [
    h("p", {}, "What has changed what is shown, as this process knows it."),
    table("Changes, the newest first", [
      ["Time (UTC)", (row) => date(row.ts)],
      ["What", (row) => row.what],
      ["Name", (row) => row.name, "head"],
      ["", (row) => row.text],
    ], changes),
  ],
};
