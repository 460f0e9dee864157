// A list of findings, or of all images.

import { Problem, get, patiently } from "./api.js";
import { figure } from "./cards.js";
import { button, count, el, name, number, tag } from "./dom.js";
import { toolbar } from "./filters.js";
import { failed, follow, look } from "./review.js";
import { PAGE, Scroller } from "./scroller.js";
import { changed, listAddress, listOf } from "./state.js";

/** Of tiles and rows in pixels; a row of tags under the picture needs so much more. */
const TILE = { width: 190, height: 202 };
const ROW = { height: 240, narrow: 222 };
const TAGS = 19;
/** The lists whose pictures have tags. */
const TAGGED = new Set(["duplicates", "outliers", "flags", "invalid", "search"]);
/** How wide an item must be for another one to stand beside it. */
const BESIDE = { leaks: 420, similarity: 420, outliers: 400, duplicates: 580, placeholders: 580 };

/** The card that a key is most likely meant for, where it is not the first. */
const LEADING = { leaks: 1 };

/** The list that is on the page: what opens an image goes through it from one to the next. */
export let current = null;

export async function showList(main, list, asked, signal) {
  const known = listOf(list);
  if (!known) throw new Problem(`There is no list ${list}.`);
  const go = (changes, typed) => {
    // What one types is one step back, not as many as it has letters.
    if (typed) location.replace(listAddress(list, changes));
    else location.hash = listAddress(list, changes);
  };
  // Asked for otherwise, a list keeps its head, in which one may be typing, until all is there.
  const before = main.querySelector(`.listhead[data-list="${list}"]`);
  const line = before?.querySelector(".said") ?? el("p", { class: "soft said" });
  const head = before ?? el("header", { class: "listhead", data: { list } }, el("h1", { textContent: known.title }), line);
  const place = el("div", { class: "scroll", tabIndex: 0, attributes: { "aria-label": known.title } });
  const note = (text) => place.replaceChildren(el("p", { class: "empty", textContent: text }));
  note("…");
  if (!before) main.replaceChildren(head, place);
  const address = (start, limit, version) =>
    `api/list/${list}?${new URLSearchParams({ ...asked, start, limit, ...(version === undefined ? {} : { version }) })}`;
  const waiting = () => note("This is being worked out …");
  const [first, bar] = await Promise.all([
    patiently(address(0, PAGE), waiting, { signal }),
    toolbar(list, asked, go),
  ]);
  if (signal.aborted) return null;
  putBar(head, bar, asked.q ?? "");
  if (before) main.querySelector(".scroll").replaceWith(place);
  if (known.total === null) {
    known.total = first.before;
    changed();
  }
  line.replaceChildren(...said(known, first));
  if (!first.total) {
    note(first.before ? "Nothing fits what is asked for." : known.nothing);
    current = null;
    return null;
  }
  const load = async (start, limit) => (await get(address(start, limit, first.version))).items;
  return run(place, known, first, load);
}

function putBar(head, bar, sought) {
  const old = head.querySelector(".toolbar");
  if (!old) {
    head.append(bar);
    return;
  }
  const [typed, field] = [old, bar].map((one) => one.querySelector("#search"));
  const typing = document.activeElement === typed;
  if (typing) field.value = typed.value;
  old.replaceWith(bar);
  if (!typing) return;
  field.focus();
  field.setSelectionRange(typed.selectionStart, typed.selectionEnd);
  if (field.value !== sought) field.dispatchEvent(new Event("input"));
}

function said(known, first) {
  const total = first.total < first.before ? `${number(first.total)} of ${count(first.before, known.unit)}` : count(first.total, known.unit);
  return [el("b", { textContent: `${total}. ` }), known.text];
}

/** A list of items that are there already, as a search gives them. */
export function showItems(place, known, items) {
  const part = (start, limit) => Promise.resolve(items.slice(start, start + limit));
  return run(place, known, { total: items.length, items: items.slice(0, PAGE) }, part);
}

function run(place, known, first, load) {
  const list = new List(place, known, load);
  list.scroller.open(first.total, first.items);
  list.focus(0, list.lead, false);
  current = list;
  look({ target: () => list.target(), next: () => list.next() });
  return list;
}

class List {
  constructor(place, known, load) {
    this.known = known;
    this.lead = LEADING[known.name] ?? 0;
    this.at = { index: 0, card: this.lead };
    this.scroller = new Scroller(place, {
      layout: (width) => layout(known, width),
      page: load,
      draw: (item, index) => (known.tiles ? this.tile(item, index) : this.row(item, index)),
      drawn: () => this.mark(),
      failed,
    });
  }

  close() {
    this.scroller.close();
    if (current === this) current = null;
  }

  tile(item, index) {
    const shown = { ...item.cards[0], tags: [...item.tags, ...item.cards[0].tags] };
    return el("div", { class: "cell", data: { index } }, figure(shown, () => this.open(index, 0)));
  }

  row(item, index) {
    const { name: finding, advice } = this.known;
    const pair = item.cards.length > 1 && ["leaks", "similarity", "duplicates"].includes(finding);
    const head = el(
      "div",
      { class: "head" },
      ...item.tags.map((one) => tag(one.text, one.tone)),
      el("span", { class: "gap" }),
      item.advice && advice ? button(advice, () => this.advised(index), { class: "quiet advise", title: "Key A" }) : null,
      pair ? button("compare", () => this.compare(item), { class: "quiet compare-pair", title: "Key C" }) : null,
      item.more ? el("a", { class: "quiet", href: listAddress("images", { of: `${finding}:${item.key}` }), textContent: `all ${number(item.more + item.cards.length)}` }) : null,
    );
    const strip = el("div", { class: "line" });
    item.cards.forEach((shown, place) => {
      if (shown.beside && !item.cards[place - 1]?.beside) strip.append(el("span", { class: "versus", textContent: finding === "mislabels" ? "look like it" : "nearest" }));
      strip.append(figure(shown, () => this.open(index, place)));
    });
    return el("article", { class: "item", data: { index } }, el("div", { class: "block" }, head, strip));
  }

  /** What the keys act on. */
  target() {
    const item = this.scroller.item(this.at.index);
    const shown = item?.cards[this.at.card];
    if (!shown) return null;
    const finding = ["images", "search"].includes(this.known.name) ? null : this.known.name;
    return { image: shown.image, finding, suggested: item.suggested };
  }

  focus(index, card, reveal = true) {
    this.at = { index, card };
    if (reveal) this.scroller.reveal(index);
    this.mark();
  }

  mark() {
    for (const old of this.scroller.place.querySelectorAll(".at")) old.classList.remove("at");
    const element = this.scroller.element(this.at.index);
    const shown = element?.querySelectorAll(".card")[this.at.card];
    shown?.classList.add("at");
    if (shown && !this.known.tiles) shown.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Moves by cards; by whole items where `step` is up or down. Whether there was any way to go. */
  move(step) {
    const { index, card } = this.at;
    const { total, columns } = this.scroller;
    if (step === "up" || step === "down") {
      const to = index + (step === "up" ? -columns : columns);
      if (to < 0 || to >= total) return false;
      this.focus(to, this.lead);
      return true;
    }
    const by = step === "left" ? -1 : 1;
    const many = this.scroller.item(index)?.cards.length ?? 1;
    if (card + by >= 0 && card + by < many) this.focus(index, card + by);
    else if (index + by >= 0 && index + by < total)
      this.focus(index + by, by > 0 ? 0 : Math.max(0, (this.scroller.item(index - 1)?.cards.length ?? 1) - 1));
    else return false;
    return true;
  }

  /** After a decision: to the next image that is a finding itself. */
  next() {
    const item = this.scroller.item(this.at.index);
    const further = item?.cards.findIndex((one, place) => place > this.at.card && !one.beside) ?? -1;
    if (further > 0) this.focus(this.at.index, further);
    else if (this.at.index + 1 < this.scroller.total) this.focus(this.at.index + 1, this.lead);
  }

  open(index, card) {
    this.focus(index, card, false);
    this.show();
  }

  show() {
    const target = this.target();
    if (target) location.hash = `#/image/${target.image}`;
  }

  async advised(index) {
    const item = this.scroller.item(index);
    if (!item?.advice) return;
    await follow(this.known.name, item.key);
    if (index + 1 < this.scroller.total) this.focus(index + 1, this.lead);
  }

  compare(item = this.scroller.item(this.at.index)) {
    const [from, to] = item?.cards ?? [];
    if (!to) return;
    const chosen = this.at.card > 0 ? item.cards[this.at.card] : to;
    const turned = chosen.transform && chosen.transform !== "none" ? `?turned=${encodeURIComponent(chosen.transform)}` : "";
    location.hash = `#/pair/${from.image}/${chosen.image}${turned}`;
  }
}

function layout(known, width) {
  const more = TAGGED.has(known.name) ? TAGS : 0;
  if (known.tiles) return { columns: Math.max(2, Math.floor(width / TILE.width)), height: TILE.height + more };
  const columns = Math.max(1, Math.floor(width / (BESIDE[known.name] ?? Infinity)));
  return { columns, height: (width < 640 ? ROW.narrow : ROW.height) + more };
}
