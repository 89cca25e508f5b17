// Elements: made anew on every change, and laid over those that stand there, so that focus, open
// details and what was typed stay as they are.
const HANDLERS = ["onclick", "onsubmit", "oninput"];

const make = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (HANDLERS.includes(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child != null && child !== false));
  return element;
};

export const h = (tag, attributes, ...children) =>
  make(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) =>
  make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// Lay new children over those of an element.
export function lay(element, fresh) {
  const stand = [...element.childNodes];
  fresh.forEach((node, at) => {
    const there = stand[at];
    if (!there) element.append(node);
    else if (!same(there, node)) there.replaceWith(node);
    else if (there.nodeType === Node.TEXT_NODE) {
      if (there.data !== node.data) there.data = node.data;
    } else over(there, node);
  });
  stand.slice(fresh.length).forEach((node) => node.remove());
}

const same = (one, other) =>
  one.nodeType === other.nodeType && one.nodeName === other.nodeName
  && one.getAttribute?.("data-key") === other.getAttribute?.("data-key");

function over(there, node) {
  for (const { name } of [...there.attributes])
    if (!node.hasAttribute(name) && name !== "open") there.removeAttribute(name);
  for (const { name, value } of node.attributes)
    if (there.getAttribute(name) !== value) there.setAttribute(name, value);
  for (const name of HANDLERS) there[name] = node[name];
  lay(there, [...node.childNodes]);
}

// Text with `code` in it.
export const words = (text) =>
  text.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));

export const link = (to, ...children) => h("a", { href: to }, ...children);

export const to = (view, name) => `#/${view}/${encodeURIComponent(name)}`;

// A table. A column is [title, value of a row, kind]: kind "n" is a number, "head" names the row.
export function table(caption, columns, rows, none = "Nothing yet.") {
  if (!rows.length) return h("p", { class: "soft" }, none);
  const cell = (row) => ([, value, kind]) => kind === "head"
    ? h("th", { scope: "row" }, value(row))
    : h("td", { class: kind }, value(row));
  return h(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", {}, caption),
      h("thead", {}, h("tr", {}, columns.map(([title, , kind]) =>
        h("th", { scope: "col", class: kind === "n" ? "n" : null }, title)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, columns.map(cell(row)))))));
}

export const tiles = (pairs) => h("dl", { class: "tiles" },
  pairs.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
