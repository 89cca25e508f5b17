// Slates: those served last, and one explained.
import { get } from "./api.js";
import { h, link, table, tiles, to } from "./dom.js";
import { date, exact, percent, whole } from "./format.js";

const LAST = 50;

export const slates = {
  title: "Slates", every: 5,
  load: () => get(`/v1/slates?limit=${LAST}`),
  draw: (found) => [
    h("p", {}, "Slates that this process served last. Older ones, and those of other processes, stand in the topic ",
      h("code", {}, "slates"), "."),
    h("form", {
      onsubmit(event) {
        event.preventDefault();
        location.hash = to("slate", new FormData(event.target).get("name").trim());
      },
    }, h("label", {}, "Slate id", h("input", { name: "name", required: true, autocomplete: "off" })),
    h("button", {}, "Explain")),
    table("Slates, the newest first", [
      ["Slate", (row) => link(to("slate", row.slate_id), row.slate_id), "head"],
      ["Time (UTC)", (row) => date(row.ts)],
      ["User", (row) => row.user_id ?? "–"],
      ["Segment", (row) => link(to("segment", row.segment), row.segment)],
      ["Variant", (row) => row.variant],
      ["Policy", (row) => row.policy],
      ["Items", (row) => row.items.map((each) => each.item_id).join(", ") || "none"],
    ], found.slates, "No slate was served since this process started."),
  ],
};

const done = (list, item_id) => (list.includes(item_id) ? "yes" : "no");

export const slate = {
  title: "Slate", every: 5, under: "slates",
  load: (name) => get(`/v1/slates/${encodeURIComponent(name)}`),
  draw(found) {
    const { slate: made } = found;
    const parts = [...new Set(made.items.flatMap((each) => Object.keys(each.why)))];
    return [
      tiles([
        ["Time (UTC)", date(made.ts)], ["User", made.user_id ?? "–"],
        ["Segment", link(to("segment", made.segment), made.segment)],
        ["Variant", made.variant], ["Policy", made.policy], ["Policy file", made.policy_version],
        ["Encoder", made.encoder ?? "none"],
        ["Counts were then", `${(made.ts - made.counts_ts).toFixed(1)} s old`],
      ]),
      table("Items, with every part of their scores", [
        ["Place", (row) => whole(row.position), "n"],
        ["Item", (row) => link(to("item", row.item_id), row.item_id), "head"],
        ["Score", (row) => exact(row.score), "n"],
        ["Propensity", (row) => percent(row.propensity), "n"],
        ...parts.map((part) => [part, (row) => (row.why[part] == null ? "–" : exact(row.why[part])), "n"]),
        ["Seen", (row) => done(found.seen, row.item_id)],
        ["Clicked", (row) => done(found.clicked, row.item_id)],
        ["Converted", (row) => done(found.converted, row.item_id)],
      ], made.items, "No item was eligible."),
      !found.complete && h("p", { class: "soft" }, "More came since than is looked through: what was seen and clicked may be more."),
      h("h2", {}, "As JSON"),
      h("pre", { tabindex: "0" }, JSON.stringify(made, null, 1)),
    ];
  },
};
