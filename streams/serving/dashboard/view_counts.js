// Segments, one segment, one item: what was counted, and what it says.
import { get } from "./api.js";
import { h, link, table, tiles, to } from "./dom.js";
import { bar, interval } from "./charts.js";
import { between, date, exact, percent, whole } from "./format.js";

const PAGE = 50;

const goto = (view, label) => h("form", {
  onsubmit(event) {
    event.preventDefault();
    const name = new FormData(event.target).get("name").trim();
    if (name) location.hash = to(view, name);
  },
}, h("label", {}, label, h("input", { name: "name", required: true, autocomplete: "off" })), h("button", {}, "Show"));

const pages = (path, { total, next }, offset) => h("p", {},
  `${whole(total ? offset + 1 : 0)} to ${whole(next ?? total)} of ${whole(total)} `,
  offset > 0 && [link(`${path}?offset=${Math.max(0, offset - PAGE)}`, "Back"), " "],
  next != null && link(`${path}?offset=${next}`, "More"));

export const segments = {
  title: "Segments", every: 5,
  load: (_name, query) => get(`/v1/segments?limit=${PAGE}&offset=${Number(query.get("offset") ?? 0)}`),
  draw: (found, _name, query) => [
    goto("segment", "Segment"),
    goto("item", "Item id"),
    table("Segments", [
      ["Segment", (row) => link(to("segment", row.segment), row.segment), "head"],
      ["Items seen", (row) => whole(row.items), "n"],
      ["Impressions", (row) => whole(row.impressions), "n"],
      ["Clicks", (row) => whole(row.clicks), "n"],
      ["Clicks per impression", (row) => (row.impressions ? percent(row.clicks / row.impressions) : "–"), "n"],
    ], found.segments, "No segment has counts yet: see Funnel."),
    pages("#/segments", found, Number(query.get("offset") ?? 0)),
  ],
};

export const segment = {
  title: "Segment", every: 5, under: "segments",
  load: (name, query) => get(
    `/v1/segments/${encodeURIComponent(name)}/items?limit=${PAGE}&offset=${Number(query.get("offset") ?? 0)}`),
  draw(found, name, query) {
    const top = Math.max(...found.items.map((row) => Math.min(row.high, 3 * row.mean + 0.01)), 0.001);
    return [
      h("p", {}, "Items with most impressions first. The mean is the posterior's: what the counts, the prior and ",
        "other segments say of clicks per impression. The mark is the mean, the bar holds it with 95%."),
      table(`Items of segment ${name}`, [
        ["Item", (row) => link(to("item", row.item_id), row.title ?? row.item_id), "head"],
        ["Impressions", (row) => whole(row.impressions), "n"],
        ["Clicks", (row) => whole(row.clicks), "n"],
        ["Mean", (row) => percent(row.mean), "n"],
        ["95% interval", (row) => between(row.low, row.high), "n"],
        ["", (row) => interval(row.low, row.mean, row.high, top)],
        ["Exposure", (row) => [percent(row.exposure_share), bar(row.exposure_share)], "n"],
        ["Is best", (row) => [percent(row.best), bar(row.best)], "n"],
        ["Shown", (row) => (row.available ? "yes" : "no")],
      ], found.items, "No items."),
      pages(to("segment", name), found, Number(query.get("offset") ?? 0)),
      h("p", { class: "soft" }, `Counts of ${date(found.counts_ts)} UTC.`),
    ];
  },
};

export const item = {
  title: "Item", every: 5, under: "segments",
  load: (name) => get(`/v1/items/${encodeURIComponent(name)}`),
  draw(found) {
    const top = Math.max(...found.segments.map((row) => Math.min(row.high, 3 * row.mean + 0.01)), 0.001);
    return [
      tiles([
        ["Title", found.title ?? "–"], ["Category", found.category ?? "–"], ["Brand", found.brand ?? "–"],
        ["Price", found.price == null ? "–" : exact(found.price)],
        ["May be shown", found.available ? "yes" : "no"],
        ["Described in `items`".replaceAll("`", ""), found.described ? "yes" : "no"],
        ["Has an embedding", found.embedded ? "yes" : "no"],
      ]),
      table(`Segments that showed ${found.item_id} most`, [
        ["Segment", (row) => link(to("segment", row.segment), row.segment), "head"],
        ["Impressions", (row) => whole(row.impressions), "n"],
        ["Clicks", (row) => whole(row.clicks), "n"],
        ["Conversions", (row) => whole(row.conversions), "n"],
        ["Value", (row) => exact(row.value), "n"],
        ["Mean", (row) => percent(row.mean), "n"],
        ["95% interval", (row) => between(row.low, row.high), "n"],
        ["", (row) => interval(row.low, row.mean, row.high, top)],
      ], found.segments, "It was seen in no segment yet."),
    ];
  },
};
