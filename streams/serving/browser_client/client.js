// slatestream for pages: ask for slates, say what was seen and clicked. See docs/clients.md.
//
//   import { Slatestream } from "https://HOST/v1/client.js";
//   const shop = new Slatestream({ user: "anna", token: PUBLIC_TOKEN });
//   const slate = await shop.ask({ k: 4, segment: "shop" });
//   for (const item of slate.items) shop.show(elementOf(item), slate, item);
//
// The token is the public one: everybody who reads the page has it.
const HALF = 0.5; // of an element in view
const SEEN_MS = 1000; // as the Media Rating Council asks of a display that counts as seen
const GATHER_MS = 400; // events that come together go together
const MOST = 100; // events of one request; a beacon holds 64 KiB

export class Slatestream {
  #at; #token; #user; #events = []; #timer = 0; #shown = new Map(); #sent = new Set(); #observer;

  constructor({ user, token = "", url = new URL("/", import.meta.url).href }) {
    if (!user) throw new TypeError("expected a user id as `user`, found none");
    this.#at = new URL("v1/", url.endsWith("/") ? url : `${url}/`).href;
    this.#token = token;
    this.#user = user;
    this.#observer = new IntersectionObserver((all) => all.forEach((one) => this.#look(one)), {
      threshold: HALF,
    });
    // a page that goes away says nothing afterwards; on phones this is the last that is heard
    addEventListener("visibilitychange", () => document.hidden && this.flush());
    addEventListener("pagehide", () => this.flush());
  }

  // A slate. The same request_id again gets the same one, so a call may be repeated.
  async ask(wanted = {}) {
    const answer = await fetch(`${this.#at}slates`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...this.#bearer() },
      body: JSON.stringify({ request_id: crypto.randomUUID(), ...wanted, user_id: this.#user }),
    });
    const found = await answer.json();
    if (!answer.ok) throw new Error(`slates: ${found.error ?? answer.status}`);
    return found;
  }

  // An element shows an item: it is seen when half of it was in view for a second, clicked when it
  // is clicked. Returns a function that ends this.
  show(element, slate, item) {
    const click = () => this.click(slate, item);
    element.addEventListener("click", click);
    this.#shown.set(element, { slate, item, timer: 0 });
    this.#observer.observe(element);
    return () => {
      element.removeEventListener("click", click);
      this.#forget(element);
    };
  }

  seen(slate, item) {
    this.#add("impressions", slate, item, { position: item.position });
  }

  // A click may leave the page: it goes at once, and what was seen before it too.
  click(slate, item) {
    this.seen(slate, item);
    this.#add("clicks", slate, item, {});
    this.flush();
  }

  convert(slate, item, value, event_id = crypto.randomUUID()) {
    this.#add("clicks", slate, item, { kind: "conversion", value, event_id }, event_id);
    this.flush();
  }

  // Send what waits, in a way that outlives the page.
  flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    while (this.#events.length) {
      const body = this.#events.splice(0, MOST).map((event) => JSON.stringify(event)).join("\n");
      // a beacon carries no headers: of the public token alone the server takes this form
      const query = this.#token && `?token=${encodeURIComponent(this.#token)}`;
      if (!navigator.sendBeacon(`${this.#at}events${query}`, body))
        fetch(`${this.#at}events`, {
          method: "POST", body, keepalive: true, headers: this.#bearer(),
        }).catch(() => {});
    }
  }

  #look({ target, isIntersecting }) {
    const shown = this.#shown.get(target);
    if (!shown) return;
    clearTimeout(shown.timer);
    if (isIntersecting)
      shown.timer = setTimeout(() => {
        this.#forget(target);
        this.seen(shown.slate, shown.item);
      }, SEEN_MS);
  }

  #forget(element) {
    clearTimeout(this.#shown.get(element)?.timer);
    this.#observer.unobserve(element);
    this.#shown.delete(element);
  }

  #add(topic, slate, item, more, once = "") {
    const name = JSON.stringify([topic, slate.slate_id, item.item_id, once]);
    if (this.#sent.has(name)) return;
    this.#sent.add(name);
    const event = {
      slate_id: slate.slate_id, user_id: this.#user, item_id: item.item_id,
      ts: Date.now() / 1000, ...more,
    };
    this.#events.push({ topic, event });
    this.#timer ||= setTimeout(() => this.flush(), GATHER_MS);
  }

  #bearer() {
    return this.#token ? { Authorization: `Bearer ${this.#token}` } : {};
  }
}
