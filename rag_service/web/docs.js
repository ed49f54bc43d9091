// Renders /openapi.json: every route with its parameters, responses and a sample call to copy.

import { $, el } from "./dom.js";
import { inline } from "./markdown.js";

const api = await (await fetch("openapi.json")).json();
const ABOUT = `Where a key is set, send \`Authorization: Bearer KEY\`. Errors are \`{"error": {"cause": …, "cure": …}}\`, under /v1 in OpenAI's form.`;
const prose = (text) => text.split("\n\n").map((part) => el("p", {}, inline(part, () => null)));

function resolve(schema) {
  const name = schema?.$ref?.split("/").pop();
  return name ? api.components.schemas[name] : (schema ?? {});
}

function typeOf(schema) {
  if (schema.anyOf) return schema.anyOf.map(typeOf).filter((type) => type !== "null").join(" | ");
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
  if (schema.type === "array") return `${typeOf(schema.items ?? {})}[]`;
  if (schema.additionalProperties) return `{name: ${typeOf(schema.additionalProperties)}}`;
  return schema.type ?? "any";
}

function example(schema) {
  const full = resolve(schema);
  if (full.examples) return full.examples[0];
  if (full.properties) return Object.fromEntries((full.required ?? []).map((name) => [name, example(full.properties[name])]));
  if (full.type === "array") return [example(full.items)];
  return { integer: 0, number: 0, boolean: false }[full.type] ?? (full.enum?.[0] || "…");
}

function fields(schema) {
  const { properties = {}, required = [] } = resolve(resolve(schema).type === "array" ? schema.items : schema);
  const needed = ([name]) => (required.includes(name) ? 0 : 1);
  const rows = Object.entries(properties).sort((a, b) => needed(a) - needed(b)).map(([name, of]) =>
    row(name, typeOf(of), required.includes(name), of.description));
  return rows.length ? el("table", {}, el("tbody", {}, rows)) : null;
}

function row(name, type, isNeeded, description) {
  return el("tr", {},
    el("th", { scope: "row" }, el("code", {}, name), isNeeded && el("span", { title: "required" }, " *")),
    el("td", {}, el("code", {}, type)),
    el("td", {}, inline(description ?? "", () => null)));
}

function call(method, path, body) {
  const lines = [`curl ${location.origin}${path}`];
  if (body) lines.push(`  -H 'Content-Type: application/json'`, `  -d '${JSON.stringify(example(body))}'`);
  return el("pre", { tabindex: 0, "aria-label": `${method} ${path}` }, el("code", {}, lines.join(" \\\n")));
}

function operation(path, method, about) {
  const body = about.requestBody?.content["application/json"]?.schema;
  const given = about.responses["200"]?.content?.["application/json"]?.schema;
  const parameters = (about.parameters ?? []).map((p) => row(p.name, typeOf(p.schema), p.required, p.description));
  return el("section", { id: about.operationId },
    el("h3", {}, el("span", { class: "chip on" }, method.toUpperCase()), el("code", {}, path)),
    prose(about.description ?? ""),
    parameters.length > 0 && el("table", {}, el("tbody", {}, parameters)),
    body && fields(body),
    call(method.toUpperCase(), path, body),
    given && fields(given) && el("details", {}, el("summary", {}, "Response"), fields(given)));
}

const groups = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, about] of Object.entries(methods)) {
    const tag = about.tags?.[0] ?? "other";
    groups.set(tag, [...(groups.get(tag) ?? []), operation(path, method, about)]);
  }
}
$("docs").replaceChildren(
  el("h1", {}, `${api.info.title} ${api.info.version}`),
  ...prose(`${api.info.summary}\n\n${ABOUT}`),
  ...[...groups].flatMap(([tag, operations]) => [el("h2", {}, tag), ...operations]),
);
$("docs").setAttribute("aria-busy", "false");
