// Client of the service that served this page; it contacts no other host.

import { t } from "./i18n.js";

const KEY = "codeintel.key";

/** An error reported by the service, with its cause and cure. */
export class ServiceError extends Error {
  constructor(cause, cure, status) {
    super(cause);
    Object.assign(this, { cause, cure, status });
  }
}

export const setKey = (key) => sessionStorage.setItem(KEY, key);

/** Turns the browser's network errors into a ServiceError, except an abort by the reader. */
export function away(error) {
  if (error?.name === "AbortError") throw error;
  throw new ServiceError(t("offline"), t("offlineCure"), 0);
}

async function call(path, { body, accept, signal, method = body ? "POST" : "GET" } = {}) {
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body) headers["Content-Type"] = "application/json";
  if (accept) headers.Accept = accept;
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal }).catch(away);
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: { cause: response.statusText, cure: "" } }));
  throw new ServiceError(error.cause, error.cure, response.status);
}

export const getRepos = async () => (await call("api/repos")).json();

export const getModels = async () => (await call("api/models")).json();

export async function getFile(repo, path) {
  return (await call(`api/file?${new URLSearchParams({ repo, path })}`)).json();
}

export async function getChats(query, limit, offset) {
  return (await call(`api/chats?${new URLSearchParams({ query, limit, offset })}`)).json();
}

export const getChat = async (id) => (await call(chatPath(id))).json();

export const renameChat = async (id, title) => (await call(chatPath(id), { method: "PATCH", body: { title } })).json();

export const deleteChat = (id) => call(chatPath(id), { method: "DELETE" });

export const exportChat = async (id) => (await call(`${chatPath(id)}/export`)).blob();

const chatPath = (id) => `api/chats/${encodeURIComponent(id)}`;

export const sendFeedback = (answer_id, verdict, comment) => call("api/feedback", { body: { answer_id, verdict, comment } });

/** Asks a question and yields each event as {name, data}. */
export async function* ask(body, signal) {
  const response = await call("api/ask", { body, accept: "text/event-stream", signal });
  let rest = "";
  for await (const part of decoded(response.body)) {
    const frames = (rest + part).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) yield event(frame);
  }
}

async function* decoded(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(away);
    if (done) return;
    yield value;
  }
}

function event(frame) {
  const lines = frame.split("\n");
  const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const name = field("event");
  const data = JSON.parse(field("data"));
  if (name === "error") throw new ServiceError(data.cause, data.cure, 503);
  return { name, data };
}
