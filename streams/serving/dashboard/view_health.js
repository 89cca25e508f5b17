// Health and funnel: both follow the stream.
import { get, live } from "./api.js";
import { h, table, tiles, words } from "./dom.js";
import { legend, lines, stack } from "./charts.js";
import { ago, clock, percent, short, whole } from "./format.js";

const LEVELS = { alarm: "Alarm", warning: "Warning", hint: "Hint" };
const LAST_S = 60;
const OUTCOMES = [
  ["counted", "it is in the counts"],
  ["waiting", "a click without its impression yet, or an impression without its slate"],
  ["late", "later than the attribution window: it earns nothing"],
  ["duplicate", "the same was said before"],
  ["orphan", "it waited and nothing came"],
  ["rejected", "it cannot be used: see Dead letters"],
  ["unknown_item", "of an item that nobody describes, beyond the limit"],
];

export function findings(health) {
  if (!health.findings.length)
    return h("section", { class: "finding fine" }, h("h3", {}, "All is well"),
      h("p", {}, "Events are counted as they should be."));
  return health.findings.map((each) => h(
    "section", { class: `finding ${each.level}`, "data-key": each.code },
    h("h3", {}, h("span", { class: "level" }, `${LEVELS[each.level]}: `), each.title),
    h("p", {}, words(each.text)),
    h("p", {}, h("strong", {}, "What to do: "), words(each.do))));
}

// Growth per second of a sum in windows, so that a chart is neither empty nor a comb.
export function rates(points, fields, windows = 60) {
  if (points.length < 2) return [];
  const span = points.at(-1).ts - points[0].ts, step = Math.max(8, span / windows);
  const found = [];
  let begin = points[0];
  for (const point of points) {
    if (point.ts - begin.ts < step) continue;
    const took = point.ts - begin.ts, grown = { ts: point.ts, seconds: took };
    for (const field of fields) grown[field] = Math.max(0, point[field] - begin[field]);
    found.push(grown);
    begin = point;
  }
  return found;
}

// Of the last minute, or of all that is known if that is less.
export function lately(points) {
  const last = points.at(-1), first = points.find((p) => last && p.ts >= last.ts - LAST_S);
  if (!last || first === last) return null;
  const seconds = last.ts - first.ts;
  const grown = (field) => Math.max(0, last[field] - first[field]);
  return { seconds, impressions: grown("impressions"), clicks: grown("clicks"), requests: grown("requests") };
}

function figures(health) {
  const now = lately(live.points), per = (field) => now ? short(now[field] / now.seconds) : "–";
  return tiles([
    ["Impressions a second", per("impressions")],
    ["Clicks a second", per("clicks")],
    ["Clicks per impression, last minute",
      now?.impressions ? percent(now.clicks / now.impressions) : "–"],
    ["Requests a second, here", per("requests")],
    ["Impressions counted", h("span", { id: "impressions" }, whole(health.funnel[0]?.counted ?? 0))],
    ["Age of the counts served", ago(health.counts_age_s)],
    ["Items that may be shown", whole(health.items_available)],
    ["Segments", whole(health.segments)],
  ]);
}

const flow = () => lines("Events a second, last half hour",
  [["impressions", "Impressions"], ["clicks", "Clicks"]].map(([field, name]) => ({ name,
    points: rates(live.points, [field]).map((r) => ({ x: r.ts, y: r[field] / r.seconds })) })),
  { value: short, time: clock });

function partitions(health) {
  const topics = [...new Set(health.partitions_behind.flatMap((row) => Object.keys(row.lag)))];
  return [
    h("h2", {}, "Counting"),
    health.unknown && h("p", { class: "error" }, `Not known: ${health.unknown}`),
    table("Records that are not counted yet, by partition", [
      ["Partition", (row) => String(row.partition), "head"],
      ...topics.map((topic) => [topic, (row) => whole(row.lag[topic] ?? 0), "n"]),
      ["Last flush", (row) => (row.counted_ago_s == null ? "never" : `${ago(row.counted_ago_s)} ago`), "n"],
    ], health.partitions_behind, "No partition is known yet."),
  ];
}

const first = async () => (live.health ??= await get("/v1/health"));

export const health = {
  title: "Health", live: true, load: first,
  draw() {
    const found = live.health;
    return [
      findings(found),
      figures(found),
      flow(),
      partitions(found),
      h("h2", {}, "This process"),
      tiles([
        ["State", found.status], ["Version", found.version], ["Policy", found.policy],
        ["Policy file", found.policy_version], ["Encoder", found.encoder ?? "none"],
        ["Answers request partitions", found.partitions.join(", ") || "none"],
        ["Requests answered", whole(found.requests_answered)],
        ["Fallback slates", whole(found.fallback_slates)],
        ["Runs for", ago(Date.now() / 1000 - found.started_s)],
      ]),
    ];
  },
};

export const funnel = {
  title: "Funnel", live: true, load: first,
  draw() {
    const found = live.health;
    return [
      h("h2", {}, "Why is nothing moving?"),
      findings(found),
      h("h2", {}, "What became of events"),
      h("p", { class: "soft" }, "Since counting began; workers write this with their counts. Of ",
        "impressions each item counts as one."),
      legend(OUTCOMES.map(([name]) => name.replace("_", " "))),
      found.funnel.map((row) => [
        h("h3", {}, `${row.topic}: ${whole(row.events)}`),
        stack(OUTCOMES.map(([name]) => row[name]), `${row.topic}: ${OUTCOMES.filter(([name]) => row[name])
          .map(([name]) => `${name.replace("_", " ")} ${percent(row[name] / row.events)}`).join(", ") || "none"}`),
      ]),
      table("Events by topic", [
        ["Topic", (row) => row.topic, "head"],
        ...OUTCOMES.map(([name]) => [name.replace("_", " "), (row) => whole(row[name]), "n"]),
      ], found.funnel),
      h("dl", {}, OUTCOMES.map(([name, text]) => [h("dt", {}, h("strong", {}, name.replace("_", " "))), h("dd", {}, text)])),
      h("h2", {}, "Reasons of the last dead letters"),
      table("Dead letters by topic and reason", [
        ["Topic", (row) => row.topic, "head"],
        ["Reason", (row) => row.reason],
        ["Letters", (row) => whole(row.letters), "n"],
      ], found.reasons, "No dead letters."),
      partitions(found),
    ];
  },
};
