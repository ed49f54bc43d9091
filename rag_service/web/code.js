// Renders code highlighted by the service: lines of [class, text] spans.

import { el } from "./dom.js";
import { count } from "./i18n.js";

const CLASSES = new Set(["c", "s", "n", "k", "f", "t", "d", "b", "m", "g"]);
const LONGEST = 5000; // characters of a line: a minified file on one line would freeze the tab

/** Returns the nodes of one line; of a very long one, its beginning and the number of omitted characters. */
export function spans(line) {
  const length = line.reduce((sum, [, text]) => sum + text.length, 0);
  const shown = length > LONGEST ? cutRight(line, LONGEST) : line;
  const nodes = shown.map(([kind, text]) => (CLASSES.has(kind) ? el("span", { class: `t-${kind}` }, text) : text));
  return length > LONGEST ? [...nodes, el("span", { class: "more" }, count("moreCharacters", length - LONGEST))] : nodes;
}

function cutRight(line, room) {
  const cut = [];
  for (const [kind, text] of line) {
    if (room <= 0) break;
    cut.push([kind, text.slice(0, room)]);
    room -= text.length;
  }
  return cut;
}

/** Returns lines as one block with line numbers. */
export function block(lines, first) {
  const rows = lines.map((line, index) =>
    el("span", { class: "row" }, el("span", { class: "t-g" }, String(first + index)), el("span", { class: "text" }, spans(line))),
  );
  return el("code", { class: "rows" }, rows);
}
