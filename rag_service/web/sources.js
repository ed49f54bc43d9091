// The pieces of code that support an answer, as cards.

import { block } from "./code.js";
import { $, copyButton, el } from "./dom.js";
import { count, t } from "./i18n.js";

const SNIPPET = 9;
const FEW = 4; // shown at once where the sources stand below the answer
const BESIDE = matchMedia("(min-width: 1241px)");

/** Returns a shareable address of lines of a file on this page. */
export function fileUrl({ repo, file_path, line_start, line_end }) {
  const lines = line_start ? `#L${line_start}${line_end > line_start ? `-L${line_end}` : ""}` : "";
  return `file?${new URLSearchParams({ repo, path: file_path })}${lines}`;
}

export const place = ({ file_path, line_start, line_end }) => `${file_path}:${line_start}${line_end > line_start ? `-${line_end}` : ""}`;

/** Shows the sources; once the answer is complete, cited ones come first, at the cited lines. */
export function showSources(sources, citations = null) {
  const cited = new Map((citations ?? []).map((citation) => [citation.n, citation]));
  const first = citations ? sources.filter(({ n }) => cited.has(n)) : sources;
  const others = citations ? sources.filter(({ n }) => !cited.has(n)) : [];
  const few = BESIDE.matches || first.length <= FEW + 1 ? first.length : FEW;
  const list = (some) => el("ol", { class: "cards" }, some.map((source) => el("li", {}, card(source, cited.get(source.n)))));
  const fold = (label, some, open = false) => el("details", { open }, el("summary", {}, label), list(some));
  $("source-list").replaceChildren(
    first.length ? list(first.slice(0, few)) : "",
    few < first.length ? fold(count("morePlaces", first.length - few), first.slice(few)) : "",
    others.length ? fold(`${t("alsoFound")} · ${others.length}`, others, !first.length) : "",
  );
  $("source-count").textContent = String(first.length || sources.length);
  $("sources").hidden = !sources.length;
}

function card(source, citation) {
  const shown = citation ?? source;
  const cut = source.file_path.lastIndexOf("/") + 1;
  const lines = shown.line_end > shown.line_start ? `${shown.line_start}–${shown.line_end}` : shown.line_start;
  return el(
    "article",
    { class: "card", id: `source-${source.n}`, "data-n": source.n },
    el("header", {},
      el("span", { class: "number" }, String(source.n)),
      el("a", { class: "place", href: fileUrl(shown), "data-file": true, title: place(shown) },
        el("span", { class: "folder" }, source.file_path.slice(0, cut)),
        el("span", { class: "name" }, source.file_path.slice(cut)),
        el("span", { class: "at" }, `:${lines}`)),
      copyButton(place(shown), t("copyPlace"), t("copied"))),
    el("p", { class: "about" },
      source.symbol && el("code", {}, source.symbol),
      el("span", {}, [source.kind, source.language, source.repo].filter(Boolean).join(" · "))),
    snippet(source, shown),
  );
}

/** Returns the first cited lines, without their common indentation. */
function snippet(source, { line_start }) {
  const from = Math.max(0, line_start - source.line_start);
  const lines = source.lines.slice(from, from + SNIPPET);
  const texts = lines.map((line) => line.map(([, text]) => text).join(""));
  const indents = texts.filter((text) => text.trim()).map((text) => text.length - text.trimStart().length);
  const indent = Math.min(...indents, 80);
  const isCut = source.lines.length > from + SNIPPET;
  const shown = block(lines.map((line) => cutLeft(line, indent)), source.line_start + from);
  return el("pre", { "aria-hidden": "true", class: isCut && "cut" }, shown);
}

function cutLeft(line, count) {
  const cut = [];
  for (const [kind, text] of line) {
    if (text.length > count) cut.push([kind, text.slice(count)]);
    count = Math.max(0, count - text.length);
  }
  return cut;
}

/** Moves the focus to the next (1) or previous (-1) source. */
export function stepSource(step) {
  const links = [...document.querySelectorAll("#source-list .place")].filter((link) => link.checkVisibility());
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
}

/** Highlights the card of a source while its citation is hovered or focused; beside the answer it comes into view. */
export function markSource(n, marked) {
  const card = $(`source-${n}`);
  card?.classList.toggle("marked", marked);
  const column = $("sources");
  if (!card || !marked || column.scrollHeight <= column.clientHeight) return;
  const [at, room] = [card.getBoundingClientRect(), column.getBoundingClientRect()];
  if (at.top < room.top || at.bottom > room.bottom) column.scrollTop += at.top - room.top - 8;
}
