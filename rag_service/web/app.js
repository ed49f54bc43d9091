// The page: views, keyboard shortcuts, and the wiring of the parts.

import { earlier, isRunning, restore, run, stop } from "./answer.js";
import { getModels, getRepos, ServiceError, setKey } from "./api.js";
import { chatUrl, installChats, loadChat, markChat, showChatBar, showChats, sofar } from "./chats.js";
import { $, el, icon, setText, withCode } from "./dom.js";
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
let current = null; // the conversation on display: {chat, title, turns, first}; `first` is the question it begins with

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
  const chat = url.searchParams.get("chat");
  if (chat) return current?.chat === chat ? undefined : show({ chat, turns: [] });
  const asked = askedOf(url);
  if (!asked) return showHome();
  if (current && address(current) === questionUrl(asked)) return undefined;
  setFilter(asked.filter);
  showFilter();
  return show({ chat: "", turns: [], first: asked });
}

function questionUrl({ question, filter }) {
  const query = new URLSearchParams({ q: question });
  for (const [name, values] of Object.entries(filter)) for (const value of values) query.append(name, value);
  return `./?${query}`;
}

const address = ({ chat, first }) => (chat ? chatUrl(chat) : questionUrl(first));

function askedOf(url) {
  const question = url.searchParams.get("q")?.trim();
  if (!question) return null;
  const filter = {};
  for (const name of ["repos", "languages", "paths"]) if (url.searchParams.has(name)) filter[name] = url.searchParams.getAll(name);
  return { question, filter };
}

// ---- views ----

function view(name) {
  const isAnswer = name === "answer";
  if (($("main").dataset.view === "answer") !== isAnswer) {
    $(isAnswer ? "result" : "stage")[isAnswer ? "after" : "before"]($("ask-form")); // where the reader goes on
    $("question").placeholder = t(isAnswer ? "placeholderMore" : "placeholder");
  }
  $("main").dataset.view = name;
  $("result").hidden = !isAnswer;
  $("home").hidden = name !== "home";
  $("stage").replaceChildren();
  showBar(isAnswer ? current : null);
}

function showHome() {
  stop();
  current = null;
  view("home");
  document.title = `codeintel · ${t("title")}`;
  markChat("");
}

/** Shows a conversation: a kept one, or one that begins with a question. */
async function show(conversation) {
  stop();
  current = conversation;
  $("question").value = "";
  fit();
  try {
    if (conversation.chat) Object.assign(conversation, await loadChat(conversation.chat));
  } catch (error) {
    return showError(error, () => show(conversation));
  }
  if (conversation !== current) return undefined;
  markChat(conversation.chat);
  return conversation.chat ? showLast() : askNow(conversation.first);
}

function showLast() {
  const { turns } = current;
  showThread(turns.slice(0, -1));
  restore(turns.at(-1));
  if (turns.length > 1) $("answer").scrollIntoView({ block: "start" });
}

function showThread(turns) {
  view("answer");
  document.title = plain(`${current.title ?? current.first.question} · codeintel`);
  $("thread").replaceChildren(...turns.map(earlier));
}

async function askNow(asked) {
  const conversation = current;
  showThread(conversation.turns);
  setText("question-title", asked.question);
  $("question-title").focus({ preventScroll: true });
  if (conversation.turns.length) $("answer").scrollIntoView({ block: "start" });
  busy(true);
  try {
    const state = await run(asked.question, asked.filter, sofar(conversation));
    if (state) keep(conversation, state);
  } catch (error) {
    showError(error, () => askNow(asked));
    $("question").value = asked.question;
    fit();
  } finally {
    busy(isRunning());
  }
}

/** Takes an answer into its conversation, which has an address of its own once it is kept. */
function keep(conversation, state) {
  conversation.turns.push(state);
  if (state.answer.chat && !conversation.chat) {
    Object.assign(conversation, { chat: state.answer.chat, title: state.question });
    if (current === conversation && !fileOf(new URL(location))) go(address(conversation), true);
  }
  if (current === conversation) showBar(conversation);
  showChats(conversation.chat);
}

function busy(isBusy) {
  $("send").replaceChildren(icon(isBusy ? "stop" : "send"));
  $("send").setAttribute("aria-label", t(isBusy ? "stop" : "ask"));
}

function showError(error, again) {
  if (error.status === 401) return askKey(again, error.cause.includes("wrong"));
  if (!(error instanceof ServiceError)) throw error;
  view("error");
  const isRefused = error.status === 400; // the same question would be refused again
  $("stage").replaceChildren(
    el("section", { class: "notice-card error", role: "alert" },
      el("h2", {}, t(isRefused ? "refused" : "error")),
      el("p", {}, `${error.cause}: `, withCode(error.cure)),
      isRefused ? isFiltered() && button("clearAndAsk", askUnfiltered) : button("retry", again)),
  );
  return undefined;
}

const button = (label, onclick) => el("button", { type: "button", class: "small", onclick }, t(label));

const isFiltered = () => Object.keys(currentFilter()).length > 0;

function askUnfiltered() {
  setFilter({});
  showFilter();
  submit();
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
  await showChats(current?.chat);
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

// ---- the chat on display ----

function showBar(conversation) {
  showChatBar(conversation?.chat ? conversation : null, {
    renamed: () => showChats(conversation.chat),
    deleted() {
      showChats("");
      go("./", true);
      showHome();
    },
    failed: showError,
  });
}

// ---- asking ----

function submit() {
  if (isRunning() && !$("question").value.trim()) return stop();
  const question = $("question").value.trim();
  if (!question) return $("question").focus();
  const asked = { question, filter: currentFilter() };
  closeRail();
  if (current?.turns.length) {
    $("question").value = "";
    fit();
    return askNow(asked);
  }
  go(questionUrl(asked));
  return show({ chat: "", turns: [], first: asked });
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
    $("question").value = current.turns.at(-1)?.question ?? ""; // as in a shell: recall the last question to edit it
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
  go(current ? address(current) : "./", true);
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
  installChats(() => current?.chat);
  installViewer((address) => go(address, true));
}

async function start() {
  if (await loadRepos()) await route();
}

translate();
install();
closeRail();
showFilter();
start();
