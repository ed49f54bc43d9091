// Shows code that the service has coloured: lines of [class, text] spans.

import { el } from "./dom.js";

const CLASSES = new Set(["c", "s", "n", "k", "f", "t", "d", "b", "m", "g"]);

/** Gives the nodes of one line. */
export function spans(line) {
  return line.map(([kind, text]) => (CLASSES.has(kind) ? el("span", { class: `t-${kind}` }, text) : text));
}

/** Gives lines as one block with their numbers. */
export function block(lines, first) {
  const rows = lines.map((line, index) =>
    el("span", { class: "row" }, el("span", { class: "t-g" }, String(first + index)), el("span", { class: "text" }, spans(line))),
  );
  return el("code", { class: "rows" }, rows);
}
