// The chats that the service keeps: the list at the side, and what can be done with the one on display.

import { deleteChat, exportChat, getChat, getChats, renameChat } from "./api.js";
import { $, announce, copyButton, el, icon, setText } from "./dom.js";
import { ago, t } from "./i18n.js";
import { plain } from "./visible.js";

const PAGE = 50;
const PAUSE = 200; // milliseconds without typing, after which the search begins
const HISTORY = 20; // turns that are sent along if the service keeps none
let keeps = true;
let listed = [];
let search = 0; // counts the searches, so that a late reply does not replace a newer one

export const chatUrl = (id) => `./?${new URLSearchParams({ chat: id })}`;

/** Returns what to send along with the next question of a conversation. */
export function sofar({ chat, turns }) {
  if (keeps) return { chat: chat || "new" };
  const history = turns.slice(-HISTORY).map(({ question, answer: { answer, citations } }) => ({ question, answer, citations }));
  return { history };
}

/** Returns a kept chat in the form of the page's conversations. */
export async function loadChat(id) {
  const { title, conversation } = await getChat(id);
  return { title, turns: conversation.map(turn) };
}

function turn({ question, answer, blocks, sources }) {
  const shown = sources.map((source) => ({ ...source, symbol: "", kind: "", language: "" }));
  return { question, filter: {}, sources: shown, answer: { ...answer, blocks } };
}

// ---- the list ----

/** Lists the chats that contain the words searched for; `id` is the one on display. */
export async function showChats(id, offset = 0) {
  const number = ++search;
  const query = $("chat-search").value.trim();
  const found = await getChats(query, PAGE, offset);
  if (number !== search) return;
  keeps = found.keeps;
  listed = offset ? [...listed, ...found.chats] : found.chats;
  $("chat-list").replaceChildren(...listed.map((chat) => el("li", {}, link(chat))));
  $("more-chats").hidden = found.chats.length < PAGE;
  $("chat-search").hidden = !keeps || (!listed.length && !query);
  setText("chat-note", listed.length ? "" : t(!keeps ? "notKept" : query ? "noSuchChats" : "noChats"));
  markChat(id);
}

function link({ id, title, updated }) {
  return el("a", { href: chatUrl(id), "data-inner": true, title: `${title} · ${ago(updated)}` }, title);
}

/** Marks the chat on display. */
export function markChat(id) {
  for (const link of $("chat-list").querySelectorAll("a")) {
    if (id && link.getAttribute("href") === chatUrl(id)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

/** Lets the reader search; `current` returns the id of the chat on display. */
export function installChats(current) {
  let waiting;
  $("chat-search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => showChats(current()), PAUSE);
  });
  $("more-chats").addEventListener("click", () => showChats(current(), listed.length));
}

// ---- the chat on display ----

/** Shows title and actions of a chat, none for null. `on` says what to do once it is renamed or deleted, or if that fails. */
export function showChatBar(chat, on) {
  $("chat-bar").hidden = !chat;
  if (!chat) return;
  const action = (name, label, run) =>
    el("button", { class: "quiet", type: "button", title: t(label), "aria-label": t(label), onclick: run }, icon(name));
  $("chat-bar").replaceChildren(
    el("span", { class: "title", title: chat.title }, chat.title),
    action("edit", "renameChat", () => askTitle(chat, on)),
    copyButton(() => new URL(chatUrl(chat.chat), location).href, t("copyLink"), t("copied"), "link"),
    action("export", "exportChat", () => download(chat).catch(on.failed)),
    action("delete", "deleteChat", () => askDelete(chat, on)));
}

function askTitle(chat, on) {
  const input = el("input", { type: "text", maxlength: 1000, required: true, "aria-label": t("chatTitle") });
  input.value = chat.title;
  ask(input, t("save"), chat, on, "edit", async () => {
    Object.assign(chat, { title: (await renameChat(chat.chat, input.value)).title });
    on.renamed();
    showChatBar(chat, on);
    focus("edit");
  });
  input.select();
}

function askDelete(chat, on) {
  const question = el("span", { class: "title", role: "alert" }, t("deleteSure"));
  ask(question, t("delete"), chat, on, "delete", async () => {
    await deleteChat(chat.chat);
    announce(t("deleted"));
    on.deleted();
  });
}

/** Replaces the bar by a form that is confirmed or cancelled, by Escape too. */
function ask(content, label, chat, on, name, confirmed) {
  const cancel = () => {
    showChatBar(chat, on);
    focus(name);
  };
  const form = el("form", { class: "asking" }, content,
    el("button", { class: name === "delete" ? "small danger" : "small" }, label),
    el("button", { class: "quiet", type: "button", onclick: cancel }, t("cancel")));
  form.addEventListener("keydown", (event) => event.key === "Escape" && cancel());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    confirmed().catch(on.failed);
  });
  $("chat-bar").replaceChildren(form);
  form.querySelector("input, button.quiet").focus();
}

const focus = (name) => $("chat-bar").querySelector(`button:has(use[href="#i-${name}"])`).focus();

async function download({ chat, title }) {
  const address = URL.createObjectURL(await exportChat(chat));
  const name = plain(title).replace(/[^\p{L}\p{N} _-]+/gu, "").trim() || chat;
  el("a", { href: address, download: `${name}.md` }).click();
  URL.revokeObjectURL(address);
}
