// One question and its answer: ask, show the answer as it streams, take the reader's feedback.

import { ask, away, sendFeedback } from "./api.js";
import { $, announce, copyButton, el, icon, setText, withCode } from "./dom.js";
import { ago, count, language, t } from "./i18n.js";
import { Growing } from "./markdown.js";
import { shortRevision } from "./repos.js";
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
  const parts = { explanation: el("div", { class: "prose explanation" }), answer: el("div", { class: "prose" }) };
  write(Object.fromEntries(Object.entries(parts).map(([part, node]) => [part, growing(node, state, false)])), state.answer);
  return el("li", { class: "turn" },
    el("h2", {}, state.question),
    el("p", { class: "asked soft", hidden: !isFollowUp(state) }, understood(state)),
    parts.explanation,
    parts.answer);
}

const growing = (node, state, marks = true) => new Growing(node, (n, lines) => cite(state, n, { lines, marks }));

/** Writes a whole answer into its parts. */
function write(body, { answer, blocks, explanation = "" }) {
  body.answer.finish(answer.slice(0, answer.length - explanation.length), blocks);
  body.explanation.finish(explanation, []);
}

const isFollowUp = ({ question, answer }) => answer.question !== question.split(/\s+/).join(" ").trim();
const understood = ({ answer }) => withCode(`${t("understood")} ${answer.question}`);

function begin(state) {
  setText("question-title", state.question);
  $("answer-asked").hidden = true;
  $("nothing")?.remove();
  for (const id of ["notices", "answer-actions", "answer-scope"]) $(id).replaceChildren();
  for (const part of Object.values(PARTS)) $(part).replaceChildren();
  $("answer").setAttribute("aria-busy", "true");
  status(t("searching"), true);
  showSources([]);
  return Object.fromEntries(Object.entries(PARTS).map(([part, id]) => [part, growing($(id), state)]));
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
  write(body, answer);
  $("notices").replaceChildren();
  answer.notices.forEach(notice);
  $("answer-asked").replaceChildren(el("span", {}, understood(state)));
  $("answer-asked").hidden = !isFollowUp(state);
  showSources(withCited(state), answer.citations);
  status(summary(answer));
  $("answer-scope").replaceChildren(...edge(answer.scope).map((line) => el("li", {}, line)));
  $("answer-actions").replaceChildren(
    copyButton(answer.answer, t("copyAnswer"), t("copied")),
    verdict(answer.id, "up"),
    verdict(answer.id, "down"),
    el("div", { id: "verdict" }),
  );
  if (!answer.found) $("answer-text").after(nothing(state));
}

function nothing({ filter }) {
  const isFiltered = Object.keys(filter).length > 0;
  return el("p", { id: "nothing", class: "nothing" }, icon("empty"), t(isFiltered ? "nothingHintFilter" : "nothingHint"));
}

/** An answer may cite code found while it was written: its quotation serves as the source. */
function withCited({ sources, answer }) {
  const known = new Set(sources.map(({ n }) => n));
  const plain = (text) => text.split("\n").map((line) => [["", line]]);
  const added = answer.citations.filter(({ n }) => !known.has(n));
  return [...sources, ...added.map((citation) => ({ ...citation, symbol: "", kind: "", language: "", lines: plain(citation.quote) }))];
}

function summary({ citations, timings, model, dropped, found }) {
  const seconds = Object.values(timings).reduce((sum, value) => sum + value, 0);
  const digits = seconds < 10 ? 1 : 0;
  const time = new Intl.NumberFormat(language, { style: "unit", unit: "second", maximumFractionDigits: digits });
  return [
    found ? author(model) : t("nothing"),
    found && count("citations", citations.length),
    dropped && count("dropped", dropped),
    time.format(Math.max(seconds, 0.1)),
  ].filter(Boolean).join(" · ");
}

/** Returns who wrote an answer: "evidence", a model, or "evidence + a model". */
function author(model) {
  const [written, added] = model.split(" + ");
  if (written !== "evidence") return model;
  return added ? `${t("byEvidence")}, ${t("withWordsOf")} ${added}` : t("byEvidence");
}

/** Returns what a reader has to know about the limits of what was searched, a line each. */
function edge({ repositories, searched, others, left_out: leftOut }) {
  const more = repositories - searched.length;
  return [
    ...searched.map(standing),
    more > 0 && searched.length && count("moreRepositories", more),
    others.length && `${t("notSearched")}: ${others.join(", ")}`,
    ...leftOut.map(({ repo, path, reason }) => `${t("notIndexed")}: ${path} (${repo}: ${reason})`),
  ].filter(Boolean);
}

function standing({ repo, revision, indexed_at: indexed, behind }) {
  const when = indexed && `${t("indexed")} ${ago(indexed)}`;
  const name = [repo, shortRevision(revision)].filter(Boolean).join(" ");
  return [name, when, behind && el("span", { class: "warning" }, `${t("behind")} ${count("commits", behind)}`)]
    .filter(Boolean).flatMap((part, index) => (index ? [" · ", part] : [part]));
}

function status(text, isBusy = false) {
  $("answer-status").replaceChildren(isBusy ? el("span", { class: "pulse" }) : "", ...nodes(text));
}

function notice(text) {
  $("notices").append(el("p", { class: "notice", role: "status" }, icon("notice"), text));
}

/** Creates the link of a citation, or of some of its lines; that of the last answer marks its source. */
function cite(state, n, { lines, marks }) {
  const source = (state.answer?.citations ?? state.sources).find((source) => source.n === n);
  if (!source || (lines && !holds(source, lines))) return null;
  const found = lines ? { ...source, line_start: lines.first, line_end: lines.last } : source;
  const text = lines?.text ?? `[${n}]`;
  const names = { title: place(found), "aria-label": `${text} ${place(found)}` };
  const link = el("a", { class: "cite", href: fileUrl(found), "data-file": true, "data-n": n, ...names }, lines ? text : String(n));
  if (!marks) return link;
  for (const type of ["mouseenter", "focus"]) link.addEventListener(type, () => markSource(n, true));
  for (const type of ["mouseleave", "blur"]) link.addEventListener(type, () => markSource(n, false));
  return link;
}

const holds = ({ line_start, line_end }, { first, last }) => line_start <= first && first <= last && last <= line_end;

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
