// What became of slates by variant: lift, rates over time, balance, what exploring costs.
import { h, link, table, tiles, to } from "./dom.js";
import { bar, interval, lines } from "./charts.js";
import { date, exact, percent, whole, wilson } from "./format.js";

const NAMES = {
  click_rate: "Clicks per impression", clicks_per_slate: "Clicks per slate", clicked_share: "Slates clicked",
  conversions_per_slate: "Conversions per slate", value_per_slate: "Value per slate", seen_share: "Slates seen",
};
const CHECKS = {
  offered: "Offered, against logged propensities", shares: "Offered, against the policy file", seen: "Seen, against offered",
};
const signed = (value) => (value > 0 ? "+" : "") + percent(value);

function sums(rows, key, fields) {
  const found = new Map();
  for (const row of rows) {
    const own = found.get(row[key]) ?? { [key]: row[key], ...Object.fromEntries(fields.map((each) => [each, 0])) };
    for (const field of fields) own[field] += row[field];
    found.set(row[key], own);
  }
  return [...found.values()];
}

function overTime(hours) {
  const own = hours.filter((row) => !row.forced);
  const names = [...new Set(own.map((row) => row.variant))];
  return lines("Clicks per impression by variant and hour, with 95% intervals", names.map((name) => ({ name,
    points: sums(own.filter((row) => row.variant === name), "hour", ["impressions", "clicks"])
      .filter((row) => row.impressions).sort((a, b) => a.hour - b.hour)
      .map((row) => {
        const [low, high] = wilson(row.clicks, row.impressions);
        return { x: row.hour, y: row.clicks / row.impressions, low, high };
      }) })), { value: percent, time: (at) => date(at).slice(5, 16) });
}

function rates({ variants, control }) {
  const rows = variants.flatMap((each) => Object.keys(NAMES).filter((name) => name in each.rates && each.rates[name].high)
    .map((name) => ({ variant: each.variant, name, rate: each.rates[name], lift: each.lift[name] })));
  const share = (name) => !name.startsWith("value") && !name.startsWith("conv") && name !== "clicks_per_slate";
  const figure = (row, value) => (share(row.name) ? percent(value) : exact(value));
  const most = Math.max(0.01, ...rows.map(({ lift }) => (lift ? Math.min(1, Math.max(Math.abs(lift.low), Math.abs(lift.high))) : 0)));
  return table(`Rates, and lift over ${control}, each with what it may be with 95%`, [
    ["Variant", (row) => row.variant, "head"],
    ["Figure", (row) => NAMES[row.name]],
    ["Rate", (row) => figure(row, row.rate.estimate), "n"],
    ["Between", (row) => `${figure(row, row.rate.low)} and ${figure(row, row.rate.high)}`, "n"],
    ["Lift", (row) => (row.lift ? signed(row.lift.lift) : "–"), "n"],
    ["Between", (row) => (row.lift ? `${signed(row.lift.low)} and ${signed(row.lift.high)}` : "–"), "n"],
    ["", (row) => row.lift && interval(row.lift.low, row.lift.lift, row.lift.high, most, -most)],
    ["p", (row) => (row.lift?.p == null ? "–" : row.lift.p < 0.001 ? "below 0.001" : exact(row.lift.p)), "n"],
  ], rows, "No slate was offered yet.");
}

const options = ({ unit, sequential }) => h("p", {},
  `Intervals take ${unit} for independent and hold ${sequential ? "however often one looks" : "for one look"}. `,
  link(`#/learning?unit=${unit === "users" ? "slates" : "users"}&sequential=${sequential}`,
    unit === "users" ? "By slates" : "By users"), " · ",
  link(`#/learning?unit=${unit}&sequential=${!sequential}`, sequential ? "For one look" : "For every look"));

const balance = (found) => [
  h("h2", {}, "Balance"),
  table("Whether variants get what they should; an alarm: p is below 0.001", [
    ["Check", (row) => CHECKS[row.check] ?? row.check, "head"],
    ["p", (row) => exact(row.p), "n"],
    ["Alarm", (row) => (row.alarm ? h("strong", { class: "error" }, "yes") : "no")],
    ["Worst segment", (row) => row.segment ?? "–"],
  ], found.balance, "Too few slates to check."),
  table("Segments whose slates are seen less than before", [
    ["Segment", (row) => row.segment || "all", "head"],
    ["Since (UTC)", (row) => date(row.since)],
    ["Seen before", (row) => percent(row.seen_share_before), "n"],
    ["Seen now", (row) => percent(row.seen_share), "n"],
    ["p", (row) => exact(row.p), "n"],
  ], found.tracking, "No segment has lost its impressions."),
];

function exploration(found) {
  const recent = found.exploration;
  const byHour = sums(recent, "hour", ["given_up"]).sort((a, b) => a.hour - b.hour);
  return [
    h("h2", {}, "What exploring costs"),
    h("p", { class: "soft" }, "Clicks that the slate of the highest posterior means would have got more, expected."),
    byHour.length > 1 && lines("Clicks given up, by hour", [{ name: "Given up",
      points: byHour.map((row) => ({ x: row.hour, y: Math.max(0, row.given_up) })) }],
    { value: exact, time: (at) => date(at).slice(5, 16) }),
    table("By segment, the last hour that has slates first", [
      ["Segment", (row) => link(to("segment", row.segment), row.segment), "head"],
      ["Hour (UTC)", (row) => date(row.hour).slice(0, 16)],
      ["Slates", (row) => whole(row.slates), "n"],
      ["Clicks", (row) => whole(row.clicks), "n"],
      ["Given up", (row) => exact(row.given_up), "n"],
      ["Places that explore", (row) => (row.explored_share == null ? "–" : [percent(row.explored_share), bar(row.explored_share)]), "n"],
    ], recent.toSorted((a, b) => b.hour - a.hour || b.slates - a.slates).slice(0, 30), "No slate was offered yet."),
  ];
}

export function outcomes(found) {
  const alone = found.variants.length < 2;
  return [
    h("h2", {}, "Variants"),
    alone && h("p", {}, "No variants: every user gets the same policy. The policy file names them: ",
      h("code", {}, "[variants.NAME]"), "."),
    !alone && options(found),
    overTime(found.hours),
    table("Variants", [
      ["Variant", (row) => [row.variant, row.holdback && " (holdback)"], "head"],
      ["Share", (row) => (row.share == null ? "–" : percent(row.share)), "n"],
      ["Slates offered", (row) => whole(row.offered), "n"],
      ["Seen", (row) => whole(row.seen), "n"],
      ["Clicks", (row) => whole(row.clicks), "n"],
      ["Conversions", (row) => whole(row.conversions), "n"],
      ["Value", (row) => exact(row.value), "n"],
      ["Clicks given up", (row) => exact(row.given_up), "n"],
      ["Places that explore", (row) => (row.explored_share == null ? "–" : percent(row.explored_share)), "n"],
      ["Forced", (row) => whole(row.forced), "n"],
    ], found.variants),
    rates(found),
    tiles([["Since (UTC)", date(found.since).slice(0, 16)],
      ["Slates never seen", found.never_seen_share == null ? "–" : percent(found.never_seen_share)]]),
    balance(found),
    exploration(found),
  ];
}
