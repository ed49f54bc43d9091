// A small Markdown renderer that creates elements, never HTML: paragraphs, headings, lists, quotes, code, bold, italic, [n].

import { spans } from "./code.js";
import { el } from "./dom.js";
import { count } from "./i18n.js";

// Each of these runs in linear time: the span of a mark is bounded, and whole lines are matched with [^], which leaves
// only one way to match them.
const FENCE = /^\s*(`{3,}|~{3,})\s*([\w+#-]*)/;
const CLOSING = /^\s*(`{3,}|~{3,})\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,4}[.)])\s+([^]*)$/;
const HEADING = /^(#{1,6})\s+([^]*)$/;
const QUOTE = /^>\s?/;
const RULE = /^\s*([-*_])(\s*\1){2,}\s*$/;
const LONGEST = 20_000; // characters of a paragraph; a longer one is not prose and is shown unchanged
const DEEPEST = 10; // nesting levels of a list
const PLACE = /^`[^`\s]{1,1000}:\d{1,7}(-\d{1,7})?`/; // what the items of "See also" begin with
const PLACES = 3; // of such a list that are shown at once
// The animation frame that shows the text received so far, by element.
const frames = new WeakMap();
const INLINE = new RegExp(
  [
    "(?<!`)(?<ticks>`{1,8})(?!`)(?<code>.{1,1000}?)(?<!`)\\k<ticks>(?!`)",
    "\\((?<lines>[a-zа-я]{1,12} (?<first>\\d{1,7})(?:–(?<last>\\d{1,7}))?)\\) \\[(?<of>\\d{1,3})\\]",
    "\\[(?<n>\\d{1,3})\\]",
    "\\*\\*(?<bold>(?=\\S)[^\\n]{1,500}?)(?<=\\S)\\*\\*",
    "(?<![\\w*])\\*(?<italic>(?=[^\\s*])[^\\n*]{1,500}?)(?<=\\S)\\*(?![\\w*])",
    "\\[(?<label>[^\\]\\n]{1,300})\\]\\((?<target>[^)\\s]{0,2000})\\)",
    "\\\\(?<escaped>[\\\\`*_[\\]#>~-])",
  ].join("|"),
  "g",
);

/** Splits a text into blocks: {kind, source, …}. Equal sources create equal elements. */
export function blocks(text) {
  const lines = text.split("\n");
  const found = [];
  for (let at = 0; at < lines.length; ) {
    const start = at;
    const kind = kindOf(lines[at]);
    at = end(lines, at, kind);
    if (kind) found.push({ kind, source: lines.slice(start, at).join("\n") });
  }
  return found;
}

function kindOf(line) {
  if (!line.trim()) return null;
  if (FENCE.test(line)) return "code";
  if (HEADING.test(line)) return "heading";
  if (RULE.test(line)) return "rule";
  if (QUOTE.test(line)) return "quote";
  return ITEM.test(line) ? "list" : "paragraph";
}

function end(lines, at, kind) {
  if (kind === "code") return endOfFence(lines, at);
  let next = at + 1;
  while (next < lines.length && continues(kind, lines[next])) next++;
  return next;
}

function continues(kind, line) {
  if (kind === "paragraph") return kindOf(line) === "paragraph";
  if (kind === "quote") return QUOTE.test(line);
  return kind === "list" && !FENCE.test(line) && (ITEM.test(line) || /^\s+\S/.test(line));
}

function endOfFence(lines, at) {
  const fence = FENCE.exec(lines[at])[1];
  for (let next = at + 1; next < lines.length; next++) {
    const closing = CLOSING.exec(lines[next]);
    if (closing && closing[1].startsWith(fence)) return next + 1;
  }
  return lines.length;
}

/**
 * Creates the element of a block. `cite(n)` returns the link for [n], or null; `cite(n, {text, first, last})` that for some of
 * its lines, "(lines 3–5) [1]". `coloured` has a code block's spans.
 */
export function element({ kind, source }, cite, coloured) {
  switch (kind) {
    case "code":
      return codeBlock(source, coloured);
    case "heading": {
      const [, marks, text] = HEADING.exec(source);
      return el(`h${Math.min(6, marks.length + 2)}`, {}, inline(text, cite));
    }
    case "rule":
      return el("hr");
    case "quote":
      return el("blockquote", {}, inline(source.replace(/^>\s?/gm, ""), cite));
    case "list":
      return list(source.split("\n"), cite);
    default:
      return el("p", {}, inline(source, cite));
  }
}

function codeBlock(source, coloured) {
  const [opening, ...lines] = source.split("\n");
  if (FENCE.test(lines.at(-1) ?? "")) lines.pop();
  const rows = (coloured ?? lines.map(plain)).map((row) => {
    const [number, ...rest] = row[0]?.[0] === "g" ? row : [null, ...row];
    const gutter = number && el("span", { class: "t-g" }, number[1].trim());
    return el("span", { class: "row" }, gutter, el("span", { class: "text" }, spans(rest)));
  });
  return el("pre", { tabindex: 0, "aria-label": FENCE.exec(opening)[2] || "code" }, el("code", { class: "rows" }, rows));
}

/** Separates the number of a quoted line from its code, as the service does for highlighted ones. */
function plain(line) {
  const numbered = /^( *\d+)(?: {2}(.*))?$/.exec(line);
  return numbered ? [["g", numbered[1]], ["", numbered[2] ?? ""]] : [["", line]];
}

function list(lines, cite, level = 1) {
  const items = [];
  const indent = ITEM.exec(lines[0])[1].length;
  for (const line of lines) {
    const item = ITEM.exec(line);
    if (item && item[1].length <= indent) items.push({ text: item[3], inner: [] });
    else items.at(-1).inner.push(line);
  }
  const ordered = /^\s*\d/.test(lines[0]);
  const elements = items.map(({ text, inner }) => {
    const nested = level < DEEPEST ? inner.findIndex((line) => ITEM.test(line)) : -1;
    const more = (nested < 0 ? inner : inner.slice(0, nested)).map((line) => ` ${line.trim()}`).join("");
    return el("li", {}, inline(text + more, cite), nested >= 0 && list(inner.slice(nested), cite, level + 1));
  });
  const isLong = items.length > PLACES + 1 && items.every(({ text }) => PLACE.test(text));
  return isLong ? folded(elements) : el(ordered ? "ol" : "ul", {}, elements);
}

/** Returns a list of places whose first few are shown, and the others on demand. */
function folded(items) {
  const others = items.slice(PLACES);
  const details = el("details", {}, el("summary", {}, count("morePlaces", others.length)), el("ul", {}, others));
  return el("div", {}, el("ul", {}, items.slice(0, PLACES)), details);
}

/** Returns the nodes of inline Markdown. */
export function inline(text, cite) {
  if (text.length > LONGEST) return [text];
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(INLINE)) {
    const before = text.slice(at, match.index);
    nodes.push(match.groups.n ? before.replace(/ $/, "\u00a0") : before, span(match, cite)); // no line break before [n]
    at = match.index + match[0].length;
  }
  nodes.push(text.slice(at));
  return nodes;
}

function span(match, cite) {
  const { code, n, bold, italic, label, escaped, lines, first, last = first, of } = match.groups;
  if (code !== undefined) return el("code", {}, code.replace(/^ (?=.*\S)(.*) $/, "$1"));
  if (n !== undefined) return cite(Number(n)) ?? match[0];
  if (of !== undefined) return cite(Number(of), { text: lines, first: Number(first), last: Number(last) }) ?? match[0];
  if (bold !== undefined) return el("strong", {}, inline(bold, cite));
  if (italic !== undefined) return el("em", {}, inline(italic, cite));
  return label ?? escaped; // only citations become links
}


/** Renders growing Markdown, updating only the blocks that changed. */
export class Growing {
  constructor(root, cite) {
    cancelFrame(root); // left by a previous answer
    Object.assign(this, { root, cite, shown: [], text: "" });
  }

  append(text) {
    this.text += text;
    if (!frames.has(this.root)) frames.set(this.root, requestAnimationFrame(() => this.show())); // parsing again for each word would be quadratic
  }

  /** Renders everything again, with the highlighted code of each block. */
  finish(text, coloured) {
    cancelFrame(this.root);
    Object.assign(this, { text, shown: [] });
    this.root.replaceChildren();
    this.show([...coloured]);
  }

  show(coloured = []) {
    frames.delete(this.root);
    const found = blocks(this.text);
    found.forEach((block, index) => {
      if (this.shown[index] === block.source) return;
      const node = element(block, this.cite, block.kind === "code" ? coloured.shift() : undefined);
      if (index < this.root.children.length) this.root.children[index].replaceWith(node);
      else this.root.append(node);
      this.shown[index] = block.source;
    });
    soften(this.root);
  }
}

/** Marks the citations that only repeat the one before. */
function soften(root) {
  let before = "";
  for (const link of root.querySelectorAll(".cite")) {
    link.classList.toggle("again", link.dataset.n === before);
    before = link.dataset.n;
  }
}

function cancelFrame(root) {
  cancelAnimationFrame(frames.get(root));
  frames.delete(root);
}
