// The language model that answers, and where to change it.

import { $, el } from "./dom.js";
import { language, t } from "./i18n.js";

const GB = 1e9;

/** Shows which model answers, with its size, licence and speed. */
export function showModel(models) {
  const used = models.find((model) => model.in_use);
  const title = used ? used.title : t("byEvidence");
  $("model").replaceChildren(
    el("span", { class: "name", title: used?.name ?? "" }, title),
    el("span", { class: "facts" },
      used && el("span", {}, t(used.writes ? "modelWrites" : "modelAdds")),
      used && el("span", {}, facts(used).join(" · ")),
      used && !used.fits && el("span", { class: "warning" }, t("modelTooLarge")),
      el("span", {}, `${t("modelChange")} `, el("code", {}, "codeintel model use NAME"))));
  $("model-section").hidden = false;
}

function facts({ size, licence, speed }) {
  const number = (value, digits) => value.toLocaleString(language, { maximumFractionDigits: digits });
  return [
    size && `${number(size / GB, 1)} ${t("gigabytes")}`,
    licence,
    speed && `${number(speed.writing, speed.writing < 10 ? 1 : 0)} ${t("tokensASecond")}`,
  ].filter(Boolean);
}
