// The line above a list: search by path, filters by any column, order.

import { get } from "./api.js";
import { button, el, name, number, quiet } from "./dom.js";
import { state } from "./state.js";

const DECISIONS = { none: "not decided", keep: "keep", drop: "drop", relabel: "relabel", not_an_issue: "not an issue" };
const WORDS = { "=": "is", ">=": "≥", "<=": "≤", in: "is", contains: "contains", is_null: "is missing", not_null: "is there" };

export const parsed = (text) => {
  try {
    const filters = JSON.parse(text || "[]");
    return Array.isArray(filters) ? filters : [];
  } catch {
    return [];
  }
};

async function columns() {
  state.columns ??= await get("api/columns");
  return state.columns;
}

/** `change(asked)` is called with what is asked for now. */
export async function toolbar(list, asked, change) {
  const known = await columns();
  const filters = parsed(asked.filters);
  // What was asked of a line that has been replaced is not asked for any more.
  const put = (changes, typed = false) => bar.isConnected && change({ ...asked, ...changes }, typed);
  const search = el("input", {
    type: "search",
    value: asked.q ?? "",
    placeholder: "Search paths",
    id: "search",
    attributes: { "aria-label": "Search paths" },
    on: { input: quiet(250, () => put({ q: search.value }, true)) },
  });
  const chips = filters.map((filter, place) =>
    el(
      "span",
      { class: "chip" },
      name(words(filter)),
      button("×", () => put({ filters: JSON.stringify(filters.toSpliced(place, 1)) }), {
        attributes: { "aria-label": `Without: ${words(filter)}` },
      }),
    ),
  );
  const of = asked.of
    ? [el("span", { class: "chip" }, name(asked.of.replace(":", " ")), button("×", () => put({ of: "" }), { attributes: { "aria-label": "All images" } }))]
    : [];
  const add = el("details", { class: "adding" }, el("summary", { textContent: "Filter" }));
  const shut = (event) => {
    if (!add.isConnected) document.removeEventListener("pointerdown", shut, true);
    else if (!add.contains(event.target)) add.open = false;
  };
  document.addEventListener("pointerdown", shut, true);
  add.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    add.open = false;
    add.querySelector("summary").focus();
  });
  add.append(adding(list, known, (filter) => put({ filters: JSON.stringify([...filters, filter]) })));
  const bar = el("div", { class: "toolbar" }, search, add, ...of, ...chips, order(list, known, asked, put));
  return bar;
}

function words([column, op, value]) {
  const said = column === "decision" ? (DECISIONS[value] ?? value) : Array.isArray(value) ? value.join(", ") : value;
  const shown = String(said ?? "");
  return `${column.replaceAll("_", " ")} ${WORDS[op] ?? op} ${shown.length > 60 ? `${shown.slice(0, 59)}…` : shown}`.trim();
}

function order(list, known, asked, put) {
  const own = (known.lists[list] ?? []).map((one) => one.name);
  const all = [...own, ...known.images.map((one) => one.name).filter((one) => !own.includes(one))];
  const choice = el(
    "select",
    { id: "sort", attributes: { "aria-label": "Sorted by" }, on: { change: () => put({ sort: choice.value }) } },
    el("option", { value: "", textContent: list === "images" ? "by path" : "as found" }),
    ...all.map((one) => el("option", { value: one, textContent: `by ${one.replaceAll("_", " ")}`, selected: one === asked.sort })),
  );
  const down = asked.desc === "1";
  const turn = button(down ? "↓" : "↑", () => put({ desc: down ? "" : "1" }), {
    title: down ? "Largest first" : "Smallest first",
    id: "direction",
    attributes: { "aria-label": down ? "Descending; turn round" : "Ascending; turn round" },
  });
  return el("span", { class: "order" }, choice, turn);
}

function adding(list, known, add) {
  const own = (known.lists[list] ?? []).filter((one) => !known.images.some((other) => other.name === one.name));
  const decision = {
    name: "decision",
    kind: "category",
    values: Object.entries(DECISIONS).map(([value, text]) => ({ value, text })),
  };
  const all = [decision, ...own, ...known.images.filter((one) => one.name !== "image")];
  const values = el("div", { class: "values" });
  const choice = el(
    "select",
    { id: "column", attributes: { "aria-label": "Column" } },
    ...all.map((one) => el("option", { value: one.name, textContent: one.name.replaceAll("_", " ") })),
  );
  const show = () => values.replaceChildren(...inputs(all.find((one) => one.name === choice.value), add));
  choice.addEventListener("change", show);
  show();
  return el("div", { class: "panel" }, choice, values);
}

function inputs(column, add) {
  const missing = column.name === "decision" ? [] : [button("is missing", () => add([column.name, "is_null"]))];
  if (column.kind === "category") {
    const op = "=";
    const list = column.values.map((one) =>
      el(
        "button",
        { type: "button", class: "value", on: { click: () => add([column.name, op, one.value]) } },
        name(one.text),
        one.images === undefined ? null : el("small", { textContent: number(one.images) }),
      ),
    );
    const more = column.more ? [el("small", { textContent: `and ${number(column.more)} more` }), ...written(column, add)] : [];
    return [el("div", { class: "choices" }, ...list), ...more, ...missing];
  }
  if (column.kind === "bool")
    return [button("yes", () => add([column.name, "=", true])), button("no", () => add([column.name, "=", false])), ...missing];
  if (column.kind === "text") return [...written(column, add), ...missing];
  return [...bounds(column, add), ...missing];
}

function written(column, add) {
  const input = el("input", { type: "text", placeholder: "contains", attributes: { "aria-label": "contains" } });
  const take = () => input.value && add([column.name, "contains", input.value]);
  return [form(take, input)];
}

/** A number, as text where it is too large to be told from others near it. */
const exact = (text) => (Math.abs(Number(text)) <= Number.MAX_SAFE_INTEGER ? Number(text) : text);

function bounds(column, add) {
  const type = { number: "number", date: "date", time: "datetime-local" }[column.kind];
  const input = el("input", { type, step: "any", attributes: { "aria-label": "value" } });
  const op = el("select", { attributes: { "aria-label": "comparison" } }, ...[">=", "<=", "="].map((one) => el("option", { value: one, textContent: WORDS[one] })));
  const take = () => input.value !== "" && add([column.name, op.value, column.kind === "number" ? exact(input.value) : input.value]);
  return [form(take, op, input)];
}

const form = (take, ...fields) =>
  el(
    "form",
    {
      on: {
        submit: (event) => {
          event.preventDefault();
          take();
        },
      },
    },
    ...fields,
    el("button", { textContent: "Add" }),
  );
