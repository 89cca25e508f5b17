// Charts in SVG. What they show stands in words or in a table beside them, too.
import { h, svg } from "./dom.js";

const LEFT = 52, BOTTOM = 22, TOP = 8, RIGHT = 8;

const width = () => Math.min(1180, Math.max(280, document.getElementById("main").clientWidth - 32));

function ticks(top, count = 5) {
  const step = 10 ** Math.floor(Math.log10(top / count));
  const by = step * [1, 2, 5, 10].find((each) => each * step * count >= top);
  return Array.from({ length: Math.floor(top / by + 1e-9) + 1 }, (_, at) => at * by);
}

// Lines over time. A line is {name, points: [{x, y, low, high}]}; low and high make a band.
export function lines(caption, all, { value, time, height = 190 }) {
  const points = all.flatMap((line) => line.points);
  if (!all.some((line) => line.points.length > 1)) return h("p", { class: "soft" }, `${caption}: too early to draw.`);
  const wide = width(), from = Math.min(...points.map((p) => p.x));
  const until = Math.max(...points.map((p) => p.x), from + 1);
  // a band of few events would flatten the line: it may be cut
  const most = Math.max(...points.map((p) => p.y)) || 1;
  const top = Math.min(Math.max(...points.map((p) => p.high ?? p.y)), 2 * most) * 1.05 || 1;
  const x = (at) => LEFT + ((at - from) / (until - from)) * (wide - LEFT - RIGHT);
  const y = (at) => TOP + (1 - Math.min(at, top) / top) * (height - TOP - BOTTOM);
  const path = (list) => list.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join("L");
  const said = all.map(({ name, points: own }) => own.length
    ? `${name}: ${value(own.at(-1).y)} at ${time(own.at(-1).x)}` : `${name}: none`).join("; ");
  return h("figure", {},
    h("figcaption", {}, caption),
    svg("svg", { role: "img", "aria-label": `${caption}. ${said}`, width: wide, height,
      viewBox: `0 0 ${wide} ${height}` },
    ticks(top).map((at) => [
      svg("line", { class: "axis", x1: LEFT, x2: wide - RIGHT, y1: y(at), y2: y(at) }),
      svg("text", { x: LEFT - 6, y: y(at) + 4, "text-anchor": "end" }, value(at)),
    ]),
    [from, (from + until) / 2, until].map((at, number) => svg("text",
      { x: x(at), y: height - 5, "text-anchor": ["start", "middle", "end"][number] }, time(at))),
    all.map(({ points: own }, number) => own.length > 1 && [
      own[0].low != null && svg("path", { class: `band f${number % 7}`, d: `M${path([
        ...own.map((p) => [p.x, p.low]), ...own.toReversed().map((p) => [p.x, p.high])])}Z` }),
      svg("path", { class: `line s${number % 7}`, d: `M${path(own.map((p) => [p.x, p.y]))}` }),
    ])),
    all.length > 1 && legend(all.map((line) => line.name)));
}

export const legend = (names) => h("ul", { class: "legend" }, names.map((name, number) => h("li", {},
  svg("svg", { width: 10, height: 10, "aria-hidden": "true" },
    svg("rect", { class: `f${number % 7}`, width: 10, height: 10 })), name)));

// A mean and its interval on a common scale.
export const interval = (low, mean, high, top, zero = 0) => {
  const x = (value) => `${(100 * Math.min(1, Math.max(0, (value - zero) / (top - zero || 1)))).toFixed(2)}%`;
  const span = (100 * Math.max(0, Math.min(high, top) - Math.max(low, zero))) / (top - zero || 1);
  return svg("svg", { width: 150, height: 16, "aria-hidden": "true" },
    svg("rect", { class: "track", width: "100%", height: 2, y: 7 }),
    svg("rect", { class: "f0", x: x(low), width: `${Math.max(0.5, span).toFixed(2)}%`, height: 6, y: 5, opacity: 0.45 }),
    zero < 0 && svg("line", { class: "s5", x1: x(0), x2: x(0), y1: 0, y2: 16 }),
    svg("circle", { class: "f0", cx: x(mean), cy: 8, r: 4 }));
};

// Shares of a whole, side by side: [value, ...].
export function stack(values, label) {
  const sum = values.reduce((a, b) => a + b, 0);
  let at = 0;
  return svg("svg", { role: "img", "aria-label": label, width: width(), height: 22 },
    svg("rect", { class: "track", width: "100%", height: 22 }),
    values.map((value, number) => {
      const begin = at;
      at += sum ? value / sum : 0;
      return value > 0 && svg("rect", { class: `f${number % 7}`, x: `${100 * begin}%`,
        width: `${(100 * value) / sum}%`, height: 22 });
    }));
}

export const bar = (share) => svg("svg", { width: 90, height: 10, "aria-hidden": "true" },
  svg("rect", { class: "track", width: "100%", height: 10 }),
  svg("rect", { class: "f0", width: `${100 * Math.min(1, Math.max(0, share))}%`, height: 10 }));
