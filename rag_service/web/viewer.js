// Shows a file at its highlighted lines, over the page. The address names both, so that it can be shared.

import { getFile } from "./api.js";
import { spans } from "./code.js";
import { $, copyButton, el } from "./dom.js";
import { t } from "./i18n.js";
import { shortRevision } from "./repos.js";
import { fileUrl, place } from "./sources.js";

let shown = null; // {repo, file_path, line_start, line_end}

/** Reads a file's address; null for another one. */
export function fileOf(url) {
  if (!url.pathname.endsWith("/file")) return null;
  const lines = /^#L(\d+)(?:-L(\d+))?$/.exec(url.hash);
  const start = lines ? Number(lines[1]) : 0;
  const end = lines?.[2] ? Number(lines[2]) : start;
  return {
    repo: url.searchParams.get("repo") ?? "",
    file_path: url.searchParams.get("path") ?? "",
    line_start: Math.min(start, end),
    line_end: Math.max(start, end),
  };
}

/** Opens a file. What the service says against it is shown in its place. */
export async function openFile(file) {
  const isSame = shown && shown.repo === file.repo && shown.file_path === file.file_path;
  shown = file;
  head(file);
  if (!$("viewer").open) $("viewer").showModal();
  if (!isSame) {
    $("viewer-body").replaceChildren(el("p", { class: "waiting" }, t("loading")));
    const found = await getFile(file.repo, file.file_path).catch((error) => ({ error }));
    if (shown !== file) return;
    if (found.error) {
      shown = null;
      const told = `${found.error.cause}: ${found.error.cure}`;
      $("viewer-body").replaceChildren(el("p", { class: "waiting", role: "alert" }, told));
      return;
    }
    fill(found);
  }
  mark();
}

export function closeFile() {
  shown = null;
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

function fill(file) {
  $("viewer-meta").textContent = [file.language, shortRevision(file.revision)].filter(Boolean).join(" · ");
  const rows = file.lines.map((line, index) => {
    const n = index + 1;
    const href = fileUrl({ ...shown, line_start: n, line_end: n });
    const link = el("a", { class: "t-g", href, "data-line": n, tabindex: -1 }, String(n));
    return el("span", { class: "row", id: `L${n}` }, link, el("span", { class: "text" }, spans(line)));
  });
  const code = el("pre", { tabindex: 0, "aria-labelledby": "viewer-title" }, el("code", { class: "rows" }, rows));
  $("viewer-body").replaceChildren(code);
}

function mark() {
  const { line_start, line_end } = shown;
  $("viewer-lines").textContent = line_start ? `L${line_start}${line_end > line_start ? `–${line_end}` : ""}` : "";
  for (const row of document.querySelectorAll("#viewer .row.marked")) row.classList.remove("marked");
  for (let n = line_start; n && n <= line_end; n++) $(`L${n}`)?.classList.add("marked");
  const [first, last] = [$(`L${line_start}`), $(`L${line_end}`)];
  if (first && last) {
    const body = $("viewer-body");
    const height = last.offsetTop + last.offsetHeight - first.offsetTop;
    body.scrollTop = first.offsetTop - Math.max(48, (body.clientHeight - height) / 3);
  } else $("viewer-body").scrollTop = 0;
  document.querySelector("#viewer-body pre")?.focus({ preventScroll: true });
}

/** Lets line numbers select: a click one line, with Shift all up to it. `go` shows the new address. */
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
