// The first page: what there is, and where to begin.

import { get } from "./api.js";
import { count, el, name, number } from "./dom.js";
import { failed } from "./review.js";
import { changed, listAddress, state } from "./state.js";

export function showOverview(main, signal) {
  const body = el("div", { class: "scroll plain" });
  main.replaceChildren(body);
  const draw = () => body.replaceChildren(...parts(state.overview));
  draw();
  follow(signal, draw).catch(failed);
}

/** Draws again while findings come in. */
async function follow(signal, draw) {
  const pending = () => state.overview.lists.some((one) => one.total === null && !one.error);
  while (pending() && !signal.aborted) {
    await new Promise((done) => setTimeout(done, 700));
    if (signal.aborted) return;
    state.overview = await get("api/overview", { signal });
    changed();
    draw();
  }
}

function parts(known) {
  const decisions = Object.values(known.counts).reduce((all, one) => all + one, 0);
  return [
    el("h1", { textContent: "Overview" }),
    el("p", { class: "soft path" }, name(known.input), ` · ${[count(known.images, "image"), known.bytes].filter(Boolean).join(" · ")}`),
    el("ul", { class: "numbers" }, ...known.lists.filter((one) => one.name !== "images").map(tile)),
    decisions
      ? el("p", {}, el("a", { href: "#/decisions", textContent: count(decisions, "decision") }), ` so far: ${Object.entries(known.counts).map(([kind, many]) => `${number(many)} ${kind.replaceAll("_", " ")}`).join(", ")}. `, el("code", { textContent: "audit.decisions()" }))
      : el("p", { class: "soft", textContent: "Nothing is decided yet. Open a list and press K to keep, D to drop, R to relabel, N for not an issue; ? shows all keys." }),
    known.stale ? el("p", { class: "soft", textContent: `${count(known.stale, "decision")} on images that are not there any more, or have changed, are left aside.` }) : null,
    known.trouble ? el("p", { textContent: `${known.trouble}: nothing can be decided.` }) : null,
    known.damaged ? el("p", { class: "soft", textContent: `${count(known.damaged, "line")} of decisions.jsonl cannot be read.` }) : null,
    el("div", { class: "overview" }, shares("Classes", "label", known.classes, known.labels), shares("Splits", "split", known.splits, known.splits.length), about(known)),
  ].filter((part) => part !== null);
}

function tile(list) {
  const value = list.error ? "!" : list.total === null ? "…" : number(list.total);
  return el(
    "li",
    { class: list.total ? "" : "zero", title: list.error ?? list.text },
    el("a", { href: listAddress(list.name) }, el("b", { textContent: value }), el("small", { textContent: list.title })),
  );
}

function shares(title, column, rows, all) {
  if (!rows.length) return null;
  const most = Math.max(...rows.map((one) => one.images));
  const list = el("div", { class: "shares" });
  for (const one of rows) {
    const bar = el("span", { class: "share" });
    bar.style.width = `${(100 * one.images) / most}%`;
    const filters = JSON.stringify([[column, "=", one.value]]);
    list.append(el("a", { href: listAddress("images", { filters }) }, el("span", { class: "what" }, name(one.text)), el("span", { class: "many", textContent: number(one.images) }), bar));
  }
  const more = all - rows.length;
  return el("section", { class: "part" }, el("h2", { textContent: title }), list, more > 0 ? el("p", { class: "soft", textContent: `and ${number(more)} more` }) : null);
}

function about(known) {
  const rows = { Run: known.date?.replace("T", " ").slice(0, 16), Model: known.model, Pixsieve: known.version, Folder: known.work_dir };
  const list = el("dl", {});
  for (const [key, value] of Object.entries(rows)) if (value) list.append(el("dt", { textContent: key }), el("dd", {}, name(value)));
  return el("section", { class: "part" }, el("h2", { textContent: "The run" }), list);
}
