// Builds the page's elements. Text is always set as text: nothing on this page parses HTML. Invisible characters in text
// are made visible.

import { nodes, plain } from "./visible.js";

const READ = new Set(["title", "aria-label"]); // attributes shown to people
const SVG = "http://www.w3.org/2000/svg";

export const $ = (id) => document.getElementById(id);

/** Creates an element: attributes by name, `on…` as listeners, false and null ignored; children are nodes or text. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : READ.has(name) ? plain(value) : value);
  }
  for (const child of children.flat()) if (child != null && child !== false) node.append(...content(child));
  return node;
}

const content = (child) => (child instanceof Node ? [child] : nodes(String(child)));

/** Returns a text whose `parts` in backticks are shown as code. */
export const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));

/** Replaces the content of an element with a text. */
export function setText(id, text) {
  $(id).replaceChildren(...nodes(text));
}

/** Creates an icon from a symbol in index.html. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Creates a button that copies a text and briefly confirms it. */
export function copyButton(text, label, done, name = "copy") {
  const button = el("button", { class: "quiet", type: "button", title: label, "aria-label": label }, icon(name));
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    await copy(plain(typeof text === "function" ? text() : text)); // a terminal would interpret control characters
    button.replaceChildren(icon("check"));
    announce(done);
    setTimeout(() => button.replaceChildren(icon(name)), 1200);
  });
  return button;
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without HTTPS the browser has no clipboard API, but can still copy a selection.
  const area = el("textarea", { class: "hidden" });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Announces a text to screen readers. */
export function announce(text) {
  $("announcer").textContent = text;
}
