// What the page asks the process for, and what the process tells by itself.
const KEY = "slatestream-token";
const KEPT_POINTS = 900; // half an hour
const AGAIN_MS = 2000;

export class Unwelcome extends Error {}

let token = sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "";
export const live = { health: null, points: [], connected: false };
let under = null; // the stream

export const known = () => Boolean(token);

export function welcome(text, keep) {
  token = text;
  sessionStorage.setItem(KEY, text);
  if (keep) localStorage.setItem(KEY, text);
}

export function forget() {
  token = "";
  for (const store of [sessionStorage, localStorage]) store.removeItem(KEY);
  [live.health, live.points] = [null, []];
  under?.abort();
}

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

// JSON of a path.
export async function get(path) {
  const answer = await fetch(path, { headers: headers() });
  const found = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new Unwelcome(found.error);
  if (!answer.ok) throw new Error(found.error ?? `${path}: status ${answer.status}`);
  return found;
}

// Follow the stream for ever. `EventSource` cannot send the token, so its lines are read here.
export async function follow(heard) {
  for (let refused = null;; await new Promise((done) => setTimeout(done, AGAIN_MS))) {
    if (token === refused) continue;
    try {
      under = new AbortController();
      const answer = await fetch("/v1/live", { headers: headers(), signal: under.signal });
      if (answer.ok) await read(answer.body.pipeThrough(new TextDecoderStream()), heard);
      else if (answer.status === 401) [refused, live.health] = [token, null];
    } catch { /* it is said below */ }
    live.connected = false;
    heard();
  }
}

async function read(body, heard) {
  const reader = body.getReader();
  for (let left = "", next; !(next = await reader.read()).done;) {
    const events = (left + next.value).split("\n\n");
    left = events.pop();
    for (const event of events) {
      if (!event.startsWith("data: ")) continue;
      const { health, points } = JSON.parse(event.slice(6));
      // a process that is new begins anew
      if (live.health && live.health.started_s !== health.started_s) live.points = [];
      const last = live.points.at(-1)?.ts ?? 0;
      live.points = [...live.points, ...points.filter((p) => p.ts > last)].slice(-KEPT_POINTS);
      live.health = health;
      live.connected = true;
      heard();
    }
  }
}
