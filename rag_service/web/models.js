// The language model that answers, and where to change it.

import { $, el } from "./dom.js";
import { language, t } from "./i18n.js";

const GB = 1e9;

/** Shows which model answers, with its size, licence and speed. */
export function showModel(models) {
  const used = models.find((model) => model.in_use);
  const title = used ? used.title : t("modelNone");
  $("model").replaceChildren(
    el("span", { class: "name", title: used?.name ?? "" }, title),
    el("span", { class: "facts" },
      el("span", {}, used ? t(used.writes ? "modelWrites" : "modelAdds") : t("byEvidence")),
      used && el("span", {}, facts(used).join(" · ")),
      used && !used.fits && el("span", { class: "warning" }, t("modelTooLarge")),
      el("span", {}, `${t("modelChange")} `, el("code", {}, "codeintel model use NAME"))),
    el("details", { class: "models" },
      el("summary", {}, t("modelOthers")),
      el("ul", {}, ...models.filter((model) => model !== used).map(other))));
  $("model-section").hidden = false;
}

function other(model) {
  const command = `codeintel model ${model.is_here ? "use" : "pull"} ${model.name}`;
  return el("li", {},
    el("span", { class: "name", title: `${model.origins.join(", ")} · sha256 ${model.sha256}` }, model.title),
    el("span", { class: "facts" },
      el("span", {}, facts(model).join(" · ")),
      model.fits ? el("code", {}, command) : el("span", { class: "warning" }, t("modelTooLarge"))));
}

function facts({ size, licence, context, speed }) {
  const number = (value, digits) => value.toLocaleString(language, { maximumFractionDigits: digits });
  return [
    size && `${number(size / GB, 1)} ${t("gigabytes")}`,
    licence,
    context && `${number(context, 0)} ${t("tokens")}`,
    speed && `${number(speed.writing, speed.writing < 10 ? 1 : 0)} ${t("tokensASecond")}`,
  ].filter(Boolean);
}
