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

const number = (value) => (value == null ? "–" : exact(value));
const REPLAY = {
  same: "Made again from the same counts, the same request gets the same slate.",
  newer: "Counts, items or encoder have changed since: the same request need not get the same slate now.",
  other: "Made again from the same counts, the request gets another slate: its user has clicked since.",
};

export const slate = {
  title: "Slate", every: 5, under: "slates",
  load: (name) => get(`/v1/slates/${encodeURIComponent(name)}`),
  draw(found) {
    const { slate: made } = found;
    const terms = Object.fromEntries(found.terms.map((each) => [each.item_id, each]));
    const summands = [...new Set(found.terms.flatMap((each) => Object.keys(each.terms)))];
    const parts = [...new Set(made.items.flatMap((each) => Object.keys(each.why)))];
    return [
      tiles([
        ["Time (UTC)", date(made.ts)], ["User", made.user_id ?? "–"],
        ["Segment", link(to("segment", made.segment), made.segment)],
        ["Variant", made.variant], ["Policy", made.policy], ["Policy file", made.policy_version],
        ["Encoder", made.encoder ?? "none"],
        ["Counts were then", `${(made.ts - made.counts_ts).toFixed(1)} s old`],
      ]),
      h("p", {}, REPLAY[found.replay]),
      table("Items, and the sums that their scores are", [
        ["Place", (row) => whole(row.position), "n"],
        ["Item", (row) => link(to("item", row.item_id), row.item_id), "head"],
        ["Score", (row) => exact(row.score), "n"],
        ...summands.map((part) => [`+ ${part}`, (row) => number(terms[row.item_id]?.terms[part]), "n"]),
        ["= sum", (row) => exact(terms[row.item_id]?.sum ?? 0), "n"],
        ["Propensity", (row) => percent(row.propensity), "n"],
        ["Seen", (row) => done(found.seen, row.item_id)],
        ["Clicked", (row) => done(found.clicked, row.item_id)],
        ["Converted", (row) => done(found.converted, row.item_id)],
      ], made.items, "No item was eligible."),
      h("h2", {}, "What could not be in it"),
      h("p", {}, `${whole(found.eligible)} items are eligible now.`),
      table("Items that are not, by reason", [
        ["Reason", (row) => row.reason, "head"],
        ["Items", (row) => whole(row.items), "n"],
        ["For example", (row) => row.some.join(", ")],
      ], found.filtered, "Every item is eligible."),
      h("h2", {}, "Where the scores come from"),
      table("Every part, before weights", [
        ["Place", (row) => whole(row.position), "n"],
        ["Item", (row) => row.item_id, "head"],
        ...parts.map((part) => [part, (row) => number(row.why[part]), "n"]),
      ], made.items, "No item was eligible."),
      !found.complete && h("p", { class: "soft" }, "More came since than is looked through: what was seen and clicked may be more."),
      h("h2", {}, "As JSON"),
      h("pre", { tabindex: "0" }, JSON.stringify({ request: found.request, slate: made }, null, 1)),
    ];
  },
};
