// A dialog that shows a file with highlighted lines. The address contains both, so it can be shared.

import { getFile } from "./api.js";
import { spans } from "./code.js";
import { $, copyButton, el, setText } from "./dom.js";
import { t } from "./i18n.js";
import { shortRevision } from "./repos.js";
import { fileUrl, place } from "./sources.js";

const MOST = 5_000; // rows shown at once, around the requested lines
const SLICE = 30; // milliseconds of work before yielding to keys and clicks
const NONE = { first: 1, last: 0 };
let shown = null; // {repo, file_path, line_start, line_end}
let lines = []; // of the displayed file
let rows = NONE; // the range of lines on display

/** Parses a file's address; null for any other address. */
export function fileOf(url) {
  if (!url.pathname.endsWith("/file")) return null;
  const asked = /^#L(\d{1,15})(?:-L(\d{1,15}))?$/.exec(url.hash);
  const start = asked ? Number(asked[1]) : 0;
  const end = asked?.[2] ? Number(asked[2]) : start;
  return {
    repo: url.searchParams.get("repo") ?? "",
    file_path: url.searchParams.get("path") ?? "",
    line_start: Math.min(start, end),
    line_end: Math.max(start, end),
  };
}

const isShown = ({ repo, file_path }) => shown?.repo === repo && shown.file_path === file_path;

/** Opens a file, or shows the service's error in its place. */
export async function openFile(file) {
  const isSame = isShown(file);
  shown = file;
  head(file);
  if (!$("viewer").open) $("viewer").showModal();
  if (isSame) return show();
  [lines, rows] = [[], NONE];
  $("viewer-body").replaceChildren(el("p", { class: "waiting" }, t("loading")));
  const found = await getFile(file.repo, file.file_path).catch((error) => ({ error }));
  if (!isShown(file)) return undefined;
  if (found.error) return refuse(found.error);
  await fill(found);
  return show();
}

function refuse({ cause, cure }) {
  shown = null;
  $("viewer-body").replaceChildren(el("p", { class: "waiting", role: "alert" }, `${cause}: ${cure}`));
}

export function closeFile() {
  shown = null;
  rows = NONE;
  if ($("viewer").open) $("viewer").close();
}

function head(file) {
  const cut = file.file_path.lastIndexOf("/") + 1;
  $("viewer-title").replaceChildren(
    el("span", { class: "repo" }, file.repo),
    el("span", { class: "folder" }, file.file_path.slice(0, cut)),
    el("span", { class: "name" }, file.file_path.slice(cut)),
  );
  $("viewer-copy").replaceChildren(copyButton(() => (shown.line_start ? place(shown) : shown.file_path), t("copyPlace"), t("copied")));
}

async function fill(file) {
  setText("viewer-meta", [file.language, shortRevision(file.revision)].filter(Boolean).join(" · "));
  lines = file.lines;
  return showRows();
}

/** Shows the rows around the requested lines; the rest of a very long file is a click away. */
async function showRows() {
  const start = Math.min(shown.line_start, lines.length) - MOST / 2;
  const first = Math.max(1, Math.min(start, lines.length - MOST + 1));
  const here = (rows = { first, last: Math.min(lines.length, first + MOST - 1) });
  const address = fileUrl({ ...shown, line_start: 0 });
  const code = el("code", { class: "rows" });
  $("viewer-body").replaceChildren(
    beyond(1, first - 1, first - 1, address),
    el("pre", { tabindex: 0, "aria-labelledby": "viewer-title" }, code),
    beyond(here.last + 1, lines.length, here.last + 1, address),
  );
  for (let n = first, pause = performance.now() + SLICE; n <= here.last; n++) {
    code.append(row(lines[n - 1], n, address));
    if (performance.now() < pause) continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (rows !== here) return; // superseded by newer rows
    pause = performance.now() + SLICE;
  }
}

function row(line, n, address) {
  const link = el("a", { class: "t-g", href: `${address}#L${n}`, "data-line": n, tabindex: -1 }, String(n));
  return el("span", { class: "row", id: `L${n}` }, link, el("span", { class: "text" }, spans(line)));
}

/** Returns the link to the hidden lines, if any. */
function beyond(from, to, target, address) {
  return from > to ? "" : el("a", { class: "beyond", href: `${address}#L${target}`, "data-file": true }, `${t("lines")} ${from}–${to}`);
}

async function show() {
  if (!shown || !lines.length) return; // closed again, or still loading
  const line_start = Math.min(shown.line_start, lines.length);
  Object.assign(shown, { line_start, line_end: Math.min(shown.line_end, lines.length) });
  if (line_start && (line_start < rows.first || line_start > rows.last)) await showRows();
  if (shown) mark();
}

function mark() {
  const { line_start, line_end } = shown;
  $("viewer-lines").textContent = line_start ? `L${line_start}${line_end > line_start ? `–${line_end}` : ""}` : "";
  for (const row of document.querySelectorAll("#viewer .row.marked")) row.classList.remove("marked");
  const last = Math.min(line_end, rows.last);
  for (let n = Math.max(line_start, rows.first); line_start && n <= last; n++) $(`L${n}`)?.classList.add("marked");
  scrollTo($(`L${line_start}`), $(`L${last}`));
  document.querySelector("#viewer-body pre")?.focus({ preventScroll: true });
}

function scrollTo(top, bottom) {
  const body = $("viewer-body");
  const height = top && bottom ? bottom.offsetTop + bottom.offsetHeight - top.offsetTop : 0;
  body.scrollTop = height ? top.offsetTop - Math.max(48, (body.clientHeight - height) / 3) : 0;
}

/** Makes line numbers selectable: a click selects one line, Shift+click a range. `go` shows the new address. */
export function installViewer(go) {
  $("viewer-body").addEventListener("click", (event) => {
    const line = Number(event.target.dataset?.line);
    if (!line || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const from = event.shiftKey && shown.line_start ? shown.line_start : line;
    Object.assign(shown, { line_start: Math.min(from, line), line_end: Math.max(from, line) });
    const { scrollTop } = $("viewer-body");
    mark();
    $("viewer-body").scrollTop = scrollTop;
    go(fileUrl(shown));
  });
}
