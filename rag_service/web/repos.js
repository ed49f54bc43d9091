// The indexed repositories, how fresh they are, and the filters of a question.

import { $, copyButton, el } from "./dom.js";
import { ago, count, t } from "./i18n.js";

const LANGUAGES = 10;
const chosen = { repos: new Set(), languages: new Set() };

/** Shows the repositories with their freshness, and the available filters. */
export function showRepos(repos, changed) {
  $("repo-list").replaceChildren(...repos.map((repo) => el("li", {}, repository(repo, repos.length > 1, changed))));
  const totals = {};
  for (const repo of repos) for (const [name, n] of Object.entries(repo.languages)) totals[name] = (totals[name] ?? 0) + n;
  const names = Object.keys(totals).filter(Boolean).sort((a, b) => totals[b] - totals[a]).slice(0, LANGUAGES);
  $("language-list").replaceChildren(...names.map((name) => el("label", { class: "chip" }, box("languages", name, changed), name)));
  $("language-filter").hidden = names.length < 2;
  $("filters").hidden = !repos.length;
  const oldest = repos.map((repo) => repo.indexed_at).sort()[0];
  const repoNames = repos.map((repo) => repo.name).join(", ");
  $("fresh").replaceChildren(el("span", {}, oldest ? `${repoNames} · ${t("indexed")} ${ago(oldest)}` : repoNames));
}

/** Returns a commit's short form or a package's version; a folder that is neither has none. */
export const shortRevision = (revision) => (revision === "tree" ? "" : revision.replace(/^([0-9a-f]{7})[0-9a-f]{33}/, "$1"));

function box(kind, name, changed) {
  const input = el("input", { type: "checkbox", value: name });
  input.checked = chosen[kind].has(name);
  input.addEventListener("change", () => {
    chosen[kind][input.checked ? "add" : "delete"](name);
    changed();
  });
  return input;
}

function repository(repo, canChoose, changed) {
  const secrets = Object.values(repo.redacted).reduce((sum, n) => sum + n, 0);
  const facts = [count("files", repo.files), count("chunks", repo.chunks), secrets && count("redacted", secrets)];
  const revision = shortRevision(repo.revision);
  const when = repo.indexed_at && { datetime: repo.indexed_at, title: new Date(repo.indexed_at).toLocaleString() };
  const about = el("span", { class: "facts" },
    el("span", {}, when && el("time", when, `${t("indexed")} ${ago(repo.indexed_at)}`), revision && el("code", {}, revision)),
    el("span", {}, facts.filter(Boolean).join(" · ")));
  const name = el("span", { class: "name", title: repo.source }, repo.name);
  if (!canChoose) return el("div", { class: "repo" }, name, about);
  return el("label", { class: "repo" }, box("repos", repo.name, changed), name, about);
}

/** Returns the filter in the service's form. */
export function currentFilter() {
  const paths = $("path-filter").value.split(",").map((glob) => glob.trim()).filter(Boolean);
  const filter = { repos: [...chosen.repos], languages: [...chosen.languages], paths };
  return Object.fromEntries(Object.entries(filter).filter(([, values]) => values.length));
}

/** Restores the filter of an earlier question. */
export function setFilter({ repos = [], languages = [], paths = [] }) {
  chosen.repos = new Set(repos);
  chosen.languages = new Set(languages);
  $("path-filter").value = paths.join(", ");
  for (const input of document.querySelectorAll("#repo-list input")) input.checked = chosen.repos.has(input.value);
  for (const input of document.querySelectorAll("#language-list input")) input.checked = chosen.languages.has(input.value);
}

/** Returns example questions about the repositories' key symbols. */
export function examples(repos) {
  const names = [0, 1, 2, 3, 4, 5].flatMap((rank) => repos.map((repo) => repo.central_symbols[rank])).filter(Boolean);
  const templates = t("examplesOf");
  if (names.length < templates.length) return t("examplesAny");
  return templates.map((text, index) => text.replace(/\{\w\}/, () => names[index]));
}

/** Explains what to do if nothing is indexed. */
export function emptyIndex() {
  const command = "codeintel index PATH_OR_URL";
  return el("section", { class: "notice-card", role: "status" },
    el("h2", {}, t("emptyTitle")),
    el("p", {}, t("emptyText")),
    el("div", { class: "command" }, el("code", {}, command), copyButton(command, t("copyAnswer"), t("copied"))));
}
