// One question and its answer: ask, show the answer as it streams, take the reader's feedback.

import { ask, away, sendFeedback } from "./api.js";
import { $, announce, copyButton, el, icon, setText, withCode } from "./dom.js";
import { count, language, t } from "./i18n.js";
import { Growing } from "./markdown.js";
import { fileUrl, markSource, place, showSources } from "./sources.js";
import { nodes } from "./visible.js";

// Where the parts of an answer stand: what a model explains, above what it explains.
const PARTS = { answer: "answer-text", explanation: "answer-explanation" };

let running = null;

/** Returns whether an answer is being written. */
export const isRunning = () => running !== null;

export function stop() {
  running?.abort();
}

/**
 * Asks in a conversation (`{chat}`, or `{history}` if chats are not kept), shows the answer as it streams and returns what
 * to store of it. Errors are shown, then rethrown.
 */
export async function run(question, filter, conversation) {
  stop();
  const control = (running = new AbortController());
  const state = { question, filter, sources: [], answer: null };
  const body = begin(state);
  try {
    for await (const { name, data } of ask({ question, ...filter, ...conversation }, control.signal)) {
      if (running !== control) return null;
      take(state, body, name, data);
    }
    if (!state.answer) away();
    return state;
  } catch (error) {
    if (running !== control) return null;
    $("answer").setAttribute("aria-busy", "false");
    if (error.name !== "AbortError") throw error;
    status(t("stopped"));
    return null;
  } finally {
    if (running === control) running = null;
  }
}

/** Shows a stored answer. */
export function restore(state) {
  stop();
  running = null;
  finish(state, begin(state));
}

/** Creates the element of an earlier question and its answer. */
export function earlier(state) {
  const body = el("div", { class: "prose" });
  new Growing(body, (n) => cite(state, n, false)).finish(state.answer.answer, state.answer.blocks);
  return el("li", { class: "turn" },
    el("h2", {}, state.question),
    el("p", { class: "asked soft", hidden: !isFollowUp(state) }, understood(state)),
    body);
}

const isFollowUp = ({ question, answer }) => answer.question !== question.split(/\s+/).join(" ").trim();
const understood = ({ answer }) => withCode(`${t("understood")} ${answer.question}`);

function begin(state) {
  setText("question-title", state.question);
  $("answer-asked").hidden = true;
  $("notices").replaceChildren();
  $("answer-actions").replaceChildren();
  for (const part of Object.values(PARTS)) $(part).replaceChildren();
  $("answer").setAttribute("aria-busy", "true");
  status(t("searching"), true);
  showSources([]);
  return Object.fromEntries(Object.entries(PARTS).map(([part, id]) => [part, new Growing($(id), (n) => cite(state, n))]));
}

function take(state, body, name, data) {
  if (name === "evidence") {
    state.sources = data.sources;
    status(data.sources.length ? `${count("places", data.sources.length)} · ${t("writing")}` : t("searching"), true);
    showSources(state.sources);
  } else if (name === "text") body[data.part].append(data.text);
  else if (name === "notice") notice(data.text);
  else if (name === "answer") {
    state.answer = data;
    finish(state, body);
    announce(`${t("ready")} ${count("citations", data.citations.length)}`);
  }
}

function finish(state, body) {
  const { answer } = state;
  $("answer").setAttribute("aria-busy", "false");
  const { explanation = "" } = answer;
  body.answer.finish(answer.answer.slice(0, answer.answer.length - explanation.length), answer.blocks);
  body.explanation.finish(explanation, []);
  $("notices").replaceChildren();
  answer.notices.forEach(notice);
  $("answer-asked").replaceChildren(el("span", {}, understood(state)));
  $("answer-asked").hidden = !isFollowUp(state);
  showSources(withCited(state), answer.citations);
  status(summary(answer));
  $("answer-actions").replaceChildren(
    copyButton(answer.answer, t("copyAnswer"), t("copied")),
    verdict(answer.id, "up"),
    verdict(answer.id, "down"),
    el("div", { id: "verdict" }),
  );
  if (!answer.found) $("notices").append(el("p", { class: "nothing" }, icon("empty"), t("nothingHint")));
}

/** An answer may cite code found while it was written: its quotation serves as the source. */
function withCited({ sources, answer }) {
  const known = new Set(sources.map(({ n }) => n));
  const plain = (text) => text.split("\n").map((line) => [["", line]]);
  const added = answer.citations.filter(({ n }) => !known.has(n));
  return [...sources, ...added.map((citation) => ({ ...citation, symbol: "", kind: "", language: "", lines: plain(citation.quote) }))];
}

function summary({ citations, timings, model, dropped, found, scope }) {
  const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
  const digits = seconds < 10 ? 1 : 0;
  const time = new Intl.NumberFormat(language, { style: "unit", unit: "second", maximumFractionDigits: digits });
  return [
    !found ? t("nothing") : model === "evidence" ? t("byEvidence") : model,
    found && count("citations", citations.length),
    dropped && `${dropped} ${t("dropped")}`,
    time.format(Math.max(seconds, 0.1)),
    ...edge(scope),
  ].filter(Boolean).join(" · ");
}

/** Returns what a reader has to know about the limits of what was searched. */
function edge({ searched, others, left_out: leftOut }) {
  const behind = searched.filter((each) => each.behind).map((each) => `${each.repo}: ${t("behind")} ${count("commits", each.behind)}`);
  const absent = leftOut.map(({ path, reason }) => `${path} (${reason})`).join(", ");
  return [...behind, others.length && `${t("notSearched")}: ${others.join(", ")}`, absent && `${t("notIndexed")}: ${absent}`];
}

function status(text, isBusy = false) {
  $("answer-status").replaceChildren(isBusy ? el("span", { class: "pulse" }) : "", ...nodes(text));
}

function notice(text) {
  $("notices").append(el("p", { class: "notice", role: "status" }, icon("notice"), text));
}

/** Creates the link of a citation; that of the last answer marks its source. */
function cite(state, n, marks = true) {
  const found = (state.answer?.citations ?? state.sources).find((source) => source.n === n);
  if (!found) return null;
  const label = `[${n}] ${place(found)}`;
  const link = el("a", { class: "cite", href: fileUrl(found), "data-file": true, title: place(found), "aria-label": label }, String(n));
  if (!marks) return link;
  for (const type of ["mouseenter", "focus"]) link.addEventListener(type, () => markSource(n, true));
  for (const type of ["mouseleave", "blur"]) link.addEventListener(type, () => markSource(n, false));
  return link;
}

function verdict(id, value) {
  const label = { title: t(value), "aria-label": t(value) };
  const button = el("button", { class: "quiet", type: "button", "aria-pressed": "false", ...label }, icon(value));
  button.addEventListener("click", async () => {
    await sendFeedback(id, value, "");
    const both = $("answer-actions").querySelectorAll("[aria-pressed]");
    for (const one of both) one.setAttribute("aria-pressed", String(one === button));
    askComment(id, value);
  });
  return button;
}

function askComment(id, value) {
  const input = el("input", { type: "text", maxlength: 4000, placeholder: t("comment"), "aria-label": t("comment") });
  const form = el("form", { class: "comment" }, input, el("button", { type: "submit", class: "small" }, t("send")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (input.value.trim()) await sendFeedback(id, value, input.value.trim());
    form.replaceWith(el("span", { class: "thanks", role: "status" }, t("thanks")));
    $("answer-actions").querySelector("[aria-pressed=true]").focus();
  });
  $("verdict").replaceChildren(form);
  input.focus();
}
