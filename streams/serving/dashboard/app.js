// The page: one view at a time, named by the address behind `#`.
import { Unwelcome, follow, forget, known, live, welcome } from "./api.js";
import { h, lay } from "./dom.js";
import { funnel, health } from "./view_health.js";
import { learning } from "./view_learning.js";
import { item, segment, segments } from "./view_counts.js";
import { slate, slates } from "./view_slates.js";
import { audit, letters, releases, settings } from "./view_status.js";

const VIEWS = {
  health, funnel, learning, segments, slates, releases,
  "dead-letters": letters, settings, audit,
  segment, item, slate,
};
const main = document.getElementById("main");
let now = null; // {view, name, query, data}
let timer = 0;

function place() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, name = ""] = path.split("/");
  return { key: view in VIEWS ? view : "health", name: decoded(name), query: new URLSearchParams(query) };
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

async function open() {
  clearTimeout(timer);
  const at = place(), view = VIEWS[at.key];
  const here = now = { ...at, view, data: null, error: null };
  document.title = `${titled(here)} · slatestream`;
  menu(view.under ?? at.key);
  lay(main, [h("h1", {}, titled(here)), view.load && h("p", {}, "Loading…")].filter(Boolean));
  await load(here);
}

const titled = ({ view, name }) => (name ? `${view.title} ${name}` : view.title);

// Data of a view, now and every few seconds while it is open.
async function load(here) {
  if (here.view.load) {
    try {
      here.data = await here.view.load(here.name, here.query);
      here.error = null;
    } catch (error) {
      here.error = error;
    }
  }
  if (here !== now) return;
  draw();
  if (here.view.every && !(here.error instanceof Unwelcome))
    timer = setTimeout(() => load(here), 1000 * here.view.every);
}

function draw() {
  const { view, name, query, data, error } = now;
  const head = h("h1", {}, titled(now));
  if (error instanceof Unwelcome) return lay(main, [head, ...door(error)]);
  if (error) return lay(main, [head, h("p", { class: "error" }, sentence(error))]);
  if (view.load && data == null) return;
  const nodes = [head, view.draw(data, name, query)].flat(3).filter((node) => node != null && node !== false);
  lay(main, nodes);
}

const sentence = (error) => error instanceof TypeError
  ? "The process does not answer; this page asks again." : error.message;

// The token is asked for once; without "keep" this tab alone knows it.
const door = (error) => [
  h("p", {}, "This process asks for a token: the value of ", h("code", {}, "SLATESTREAM_HTTP_TOKEN"), "."),
  known() && h("p", { class: "error" }, error.message),
  h("form", {
    onsubmit(event) {
      event.preventDefault();
      const form = new FormData(event.target);
      welcome(form.get("token").trim(), form.get("keep") === "on");
      open();
    },
  },
  h("label", {}, "Token", h("input", { name: "token", type: "password", required: true, autocomplete: "current-password" })),
  h("label", { class: "check" }, h("input", { name: "keep", type: "checkbox" }), "Keep it in this browser"),
  h("button", {}, "Go on")),
].filter(Boolean);

function menu(open_) {
  lay(document.getElementById("nav"), Object.entries(VIEWS).filter(([, view]) => !("under" in view)).map(([key, view]) =>
    h("li", {}, h("a", { href: `#/${key}`, "aria-current": key === open_ ? "page" : null }, view.title))));
}

let saidBefore = "";
function state() {
  const found = live.health, alarms = found?.findings.filter((each) => each.level === "alarm") ?? [];
  const text = !live.connected ? "Not connected"
    : alarms.length ? `${alarms.length} ${alarms.length === 1 ? "alarm" : "alarms"}` : found.status;
  lay(document.getElementById("state"), [
    h("span", {}, text),
    known() ? h("span", {}, " ", h("button", { onclick: () => { forget(); open(); } }, "Forget the token")) : "",
  ].filter(Boolean));
  const said = !live.connected ? "Not connected" : alarms.map((each) => `Alarm: ${each.title}`).join(". ");
  if (said !== saidBefore) document.getElementById("said").textContent = saidBefore = said;
}

addEventListener("hashchange", () => {
  open();
  main.focus();
  scrollTo(0, 0);
});
addEventListener("resize", () => now && draw());
open();
follow(() => {
  state();
  if (now?.view.live) draw();
});
