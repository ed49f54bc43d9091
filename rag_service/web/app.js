// The page: views, keyboard shortcuts, and the wiring of the parts.

import { isRunning, restore, run, stop } from "./answer.js";
import { getModels, getRepos, ServiceError, setKey } from "./api.js";
import { $, el, icon } from "./dom.js";
import * as history_ from "./history.js";
import { switchLanguage, t, translate } from "./i18n.js";
import { showModel } from "./models.js";
import { currentFilter, emptyIndex, examples, setFilter, showRepos } from "./repos.js";
import { stepSource } from "./sources.js";
import { closeFile, fileOf, installViewer, openFile } from "./viewer.js";
import { plain } from "./visible.js";

const POLL = 4000;
const STEPS = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };
const KEYS = { KeyJ: "j", KeyK: "k", Slash: "/" }; // physical keys, for a Cyrillic layout
const NARROW = matchMedia("(max-width: 1000px)");
let current = null; // the question on display: {question, filter}

// ---- routing ----

function go(address, replace = false) {
  history[replace ? "replaceState" : "pushState"]({ inner: !replace || history.state?.inner }, "", address);
}

function route() {
  const url = new URL(location);
  const file = fileOf(url);
  if (file) {
    if (!current) showHome();
    return openFile(file);
  }
  closeFile();
  const asked = askedOf(url);
  if (!asked) return showHome();
  if (current && questionUrl(current) === questionUrl(asked)) return undefined;
  setFilter(asked.filter);
  showFilter();
  return show(asked);
}

function questionUrl({ question, filter }) {
  const query = new URLSearchParams({ q: question });
  for (const [name, values] of Object.entries(filter)) for (const value of values) query.append(name, value);
  return `./?${query}`;
}

function askedOf(url) {
  const question = url.searchParams.get("q")?.trim();
  if (!question) return null;
  const filter = {};
  for (const name of ["repos", "languages", "paths"]) if (url.searchParams.has(name)) filter[name] = url.searchParams.getAll(name);
  return { question, filter };
}

// ---- views ----

function view(name) {
  $("main").dataset.view = name;
  $("result").hidden = name !== "answer";
  $("home").hidden = name !== "home";
  $("stage").replaceChildren();
}

function showHome() {
  stop();
  current = null;
  view("home");
  document.title = `codeintel · ${t("title")}`;
  markHistory();
}

async function show(asked) {
  current = asked;
  view("answer");
  document.title = plain(`${asked.question} · codeintel`);
  $("question").value = "";
  fit();
  $("question-title").focus({ preventScroll: true });
  const kept = history_.find(asked.question, asked.filter);
  if (kept) restore(kept);
  else await askNow(asked);
  showHistory();
}

async function askNow({ question, filter }) {
  busy(true);
  try {
    const state = await run(question, filter);
    if (state) history_.keep(state);
  } catch (error) {
    showError(error, () => show({ question, filter }));
    $("question").value = question;
    fit();
  } finally {
    busy(isRunning());
  }
}

function busy(isBusy) {
  $("send").replaceChildren(icon(isBusy ? "stop" : "send"));
  $("send").setAttribute("aria-label", t(isBusy ? "stop" : "ask"));
}

function showError(error, again) {
  if (error.status === 401) return askKey(again, error.cause.includes("wrong"));
  if (!(error instanceof ServiceError)) throw error;
  view("error");
  const cure = error.cure.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));
  $("stage").replaceChildren(
    el("section", { class: "notice-card error", role: "alert" },
      el("h2", {}, t("error")),
      el("p", {}, `${error.cause}: `, cure),
      el("button", { type: "button", class: "small", onclick: again }, t("retry"))),
  );
  return undefined;
}

function askKey(again, wasWrong) {
  view("key");
  const input = el("input", { type: "password", required: true, autocomplete: "off", id: "key" });
  const form = el("form", { class: "notice-card" },
    el("h2", {}, t("key")),
    el("p", {}, wasWrong ? t("keyWrong") : t("keyText")),
    el("div", { class: "command" },
      el("label", { class: "hidden", for: "key" }, t("keyLabel")),
      input,
      el("button", { class: "small" }, t("unlock"))));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    setKey(input.value);
    await again();
  });
  $("stage").replaceChildren(form);
  input.focus();
}

// ---- indexed repositories ----

async function loadRepos() {
  let repos;
  try {
    repos = await getRepos();
  } catch (error) {
    showError(error, start);
    return false;
  }
  showRepos(repos, showFilter);
  getModels().then(showModel, () => {}); // answers report a model that can't be read
  $("example-list").replaceChildren(...examples(repos).map(example));
  if (repos.length) return true;
  view("empty");
  $("stage").replaceChildren(emptyIndex());
  setTimeout(start, POLL);
  return false;
}

function example(text) {
  const href = questionUrl({ question: text, filter: {} });
  return el("li", {}, el("a", { href, "data-ask": text }, el("span", {}, text), icon("arrow")));
}

function showFilter() {
  const { repos = [], languages = [], paths = [] } = currentFilter();
  const parts = [...repos, ...languages, ...paths];
  if (!parts.length) return $("filter-note").replaceChildren();
  const label = `${t("clear")}: ${parts.join(", ")}`;
  const attributes = { type: "button", class: "chip on", title: t("clear"), "aria-label": label };
  const button = el("button", attributes, el("span", {}, parts.join(" · ")), icon("close"));
  button.addEventListener("click", () => {
    setFilter({});
    showFilter();
  });
  return $("filter-note").replaceChildren(button);
}

// ---- questions of this session ----

function showHistory() {
  const entries = history_.all();
  const link = (entry) => el("a", { href: questionUrl(entry), "data-inner": true, title: entry.question }, entry.question);
  $("history-list").replaceChildren(...entries.map((entry) => el("li", {}, link(entry))));
  $("history-empty").hidden = entries.length > 0;
  markHistory();
}

function markHistory() {
  for (const link of $("history-list").querySelectorAll("a")) {
    if (current && link.getAttribute("href") === questionUrl(current)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// ---- asking ----

function submit() {
  if (isRunning() && !$("question").value.trim()) return stop();
  const question = $("question").value.trim();
  if (!question) return $("question").focus();
  const asked = { question, filter: currentFilter() };
  closeRail();
  go(questionUrl(asked));
  return show(asked);
}

/** Fits the height of the text box to its text. */
function fit() {
  const box = $("question");
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

// ---- keys and clicks ----

function onKey(event) {
  const isTyping = event.target.matches("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && !$("rail").inert && NARROW.matches) closeRail();
  if (isTyping || $("viewer").open) return;
  const key = /^[a-z]/i.test(event.key) ? event.key : (KEYS[event.code] ?? event.key);
  const isArrow = key.startsWith("Arrow");
  if (key === "/") $("question").focus();
  else if (key in STEPS && (!isArrow || document.activeElement.closest("#source-list"))) stepSource(STEPS[key]);
  else return;
  event.preventDefault();
}

function onQuestionKey(event) {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  } else if (event.key === "ArrowUp" && !$("question").value && current) {
    $("question").value = current.question; // as in a shell: recall the last question to edit it
    fit();
  } else if (event.key === "Escape") $("question").blur();
}

function onClick(event) {
  const link = event.target.closest("a");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!["file", "ask", "inner", "home"].some((name) => name in link.dataset)) return;
  event.preventDefault();
  closeRail();
  go("ask" in link.dataset ? questionUrl({ question: link.dataset.ask, filter: currentFilter() }) : link.href);
  route();
  if ("home" in link.dataset) $("question").focus();
}

function leaveFile() {
  if (history.state?.inner) return history.back();
  go(current ? questionUrl(current) : "./", true);
  return route();
}

function openRail() {
  $("rail").inert = false;
  $("rail").classList.add("open");
  $("menu").setAttribute("aria-expanded", "true");
  $("rail").querySelector("a, button, input").focus();
}

function closeRail() {
  const wasOpen = $("rail").classList.contains("open");
  $("rail").classList.remove("open");
  $("rail").inert = NARROW.matches;
  $("menu").setAttribute("aria-expanded", "false");
  if (wasOpen) $("menu").focus();
}

function switchTheme() {
  const chosen = document.documentElement.dataset.theme;
  const isDark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("codeintel.theme", document.documentElement.dataset.theme);
}

function install() {
  $("ask-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  $("question").addEventListener("keydown", onQuestionKey);
  $("question").addEventListener("input", fit);
  $("path-filter").addEventListener("input", showFilter);
  $("language").addEventListener("click", switchLanguage);
  $("theme").addEventListener("click", switchTheme);
  $("menu").addEventListener("click", () => ($("rail").classList.contains("open") ? closeRail() : openRail()));
  $("fresh").addEventListener("click", openRail);
  $("viewer-close").addEventListener("click", leaveFile);
  $("viewer").addEventListener("cancel", (event) => {
    event.preventDefault();
    leaveFile();
  });
  $("viewer").addEventListener("click", (event) => event.target === $("viewer") && leaveFile());
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", onClick);
  document.addEventListener("visibilitychange", () => !document.hidden && $("main").dataset.view === "home" && loadRepos());
  addEventListener("popstate", route);
  NARROW.addEventListener("change", closeRail);
  installViewer((address) => go(address, true));
}

async function start() {
  if (await loadRepos()) await route();
}

translate();
install();
closeRail();
showHistory();
showFilter();
start();
