// Makes control and invisible characters visible, <U+202E>: code that hides or reorders itself deceives its
// reader ("Trojan Source"). The rules are those of ml/visible.py; a test keeps the two in sync.

import { t } from "./i18n.js";

const CHARACTERS =
  "\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f" +
  "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb" +
  "\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e0fff}";
const HIDDEN = new RegExp(`[${CHARACTERS}]`, "u");
const EACH = new RegExp(`[${CHARACTERS}]`, "gu");
const EMOJI =
  /[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u23ff\u24c2\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\u{1f000}-\u{1faff}]/u;
const JOINED_LETTER = /[\u0620-\u06ff\u0750-\u077f\u0870-\u0dff]/;
const MOST_MARKED = 400; // marks in a text: each is an element to lay out
const KEYCAP = "\u20e3";
const VARIATION = ["\ufe0e", "\ufe0f"];
const NON_JOINER = "\u200c";
const JOINER = "\u200d";

/** Returns a text with such characters made visible, where elements are impossible: a title, a label, the clipboard. */
export function plain(text) {
  return HIDDEN.test(text) ? pieces(text).map(({ text, hidden }) => (hidden ? label(hidden) : text)).join("") : text;
}

/** Returns the nodes of a text with such characters marked, or only made visible if there are very many. */
export function nodes(text) {
  if (!HIDDEN.test(text)) return [text];
  const found = pieces(text);
  if (found.length > MOST_MARKED) return [plain(text)];
  return found.map(({ text, hidden }) => (hidden ? marked(hidden) : text));
}

const label = (characters) => [...characters].map(code).join("");
const code = (character) => `<U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`;

function marked(characters) {
  const node = document.createElement("span");
  node.className = "hidden-character";
  node.title = t("hiddenCharacter");
  node.textContent = label(characters);
  return node;
}

function pieces(text) {
  const found = [];
  let at = 0;
  for (const { 0: character, index } of text.matchAll(EACH)) {
    const end = index + character.length;
    const before = lastOf(text.slice(Math.max(at, index - 2), index));
    const after = firstOf(text.slice(end, end + 2));
    if (belongs(character, before, after)) continue;
    if (index > at) found.push({ text: text.slice(at, index) });
    const last = found.at(-1);
    if (character === "\r" && ["", "\n"].includes(after)) found.push({ text: "" });
    else if (last?.hidden && index === at) last.hidden += character;
    else found.push({ hidden: character });
    at = end;
  }
  return [...found, { text: text.slice(at) }];
}

const firstOf = (text) => [...text][0] ?? "";
const lastOf = (text) => [...text].at(-1) ?? "";

/** Returns whether a character is part of an emoji, or of a word whose spelling requires it. */
function belongs(character, before, after) {
  if (VARIATION.includes(character)) return EMOJI.test(before) || (after === KEYCAP && /[\d#*]/.test(before));
  if (character === JOINER && EMOJI.test(after)) return VARIATION.includes(before) || EMOJI.test(before);
  return [JOINER, NON_JOINER].includes(character) && JOINED_LETTER.test(before) && JOINED_LETTER.test(after);
}
