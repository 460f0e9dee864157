// Where an address leads, what keys do, and the list of lists.

import { Problem, get, ofRun, post } from "./api.js";
import { button, el, number } from "./dom.js";
import * as detail from "./detail.js";
import { current, showList } from "./lists.js";
import { showMap } from "./map.js";
import { showOverview } from "./overview.js";
import { KEYS, decide, failed, look, undo } from "./review.js";
import { drop, showDecisions, showSearch, showSimilar } from "./search.js";
import { listAddress, onchange, state } from "./state.js";

const main = document.getElementById("main");
/** What is on the page, what ends it, and the address it has. */
let shown = { close: () => {}, address: null, abort: new AbortController() };
/** Ends what an image or a pair is waiting for when one leaves before it is there. */
let closely = new AbortController();

const places = new Map([
  ["list", ([which], asked, signal) => showList(main, which, asked, signal)],
  ["map", (_, __, signal) => showMap(main, signal)],
  ["search", (_, __, signal) => showSearch(main, signal)],
  ["similar", ([image], _, signal) => showSimilar(main, Number(image), signal)],
  ["decisions", (_, __, signal) => showDecisions(main, signal)],
]);

/** An address, taken apart; what nobody would have written is the first page. */
function parsed(address) {
  const [path, query] = address.slice(2).split("?");
  const asked = Object.fromEntries(new URLSearchParams(query));
  const parts = path.split("/");
  const numbers = parts.slice(1).every((part) => /^\d{1,12}$/.test(part));
  const known = { image: numbers && parts.length === 2, pair: numbers && parts.length === 3, similar: numbers && parts.length === 2 };
  if (known[parts[0]] === false) return { parts: [""], asked: {} };
  return { parts, asked };
}

async function route() {
  const address = location.hash || "#/";
  const { parts, asked } = parsed(address);
  closely.abort();
  closely = new AbortController();
  if (parts[0] === "image" || parts[0] === "pair") {
    if (shown.address === null) await page("#/", [""], {});
    const [first, second] = parts.slice(1).map(Number);
    if (parts[0] === "image") await detail.showImage(first, closely.signal);
    else await detail.showPair(first, second, asked.turned, closely.signal);
    return;
  }
  detail.close();
  if (address === shown.address && parts[0] !== "search") return;
  await page(address, parts, asked);
}

async function page(address, parts, asked) {
  shown.abort.abort();
  shown.close();
  const abort = new AbortController();
  shown = { close: () => {}, address, abort };
  detail.setBase(address);
  look();
  nav();
  try {
    const made = await open(parts, asked, abort.signal);
    if (abort.signal.aborted) made?.close?.();
    else shown.close = () => made?.close?.();
  } catch (error) {
    if (abort.signal.aborted || error.name === "AbortError") return;
    look();
    main.replaceChildren(el("p", { class: "empty", textContent: error.message }));
    if (!(error instanceof Problem)) throw error;
  }
}

function open([kind, ...which], asked, signal) {
  const place = places.get(kind);
  return place ? place(which, asked, signal) : showOverview(main, signal);
}

function nav() {
  const here = location.hash || "#/";
  const decisions = Object.values(state.overview.counts).reduce((all, one) => all + one, 0);
  const entry = (href, title, value) => {
    const chosen = href === "#/" ? here === "#/" : here.split("?")[0] === href;
    return el("a", { href, class: chosen ? "here" : "", attributes: chosen ? { "aria-current": "page" } : {} }, el("span", { textContent: title }), value === undefined ? null : el("small", { textContent: value }));
  };
  const lists = state.overview.lists.map((one) => entry(listAddress(one.name), one.title, one.error ? "!" : one.total === null ? "…" : number(one.total)));
  document.getElementById("nav").replaceChildren(
    el("a", { href: "#/", class: "brand" }, el("img", { src: "static/icon.svg", alt: "", width: 20, height: 20 }), el("b", { textContent: "Pixsieve" })),
    entry("#/", "Overview"),
    ...lists,
    entry("#/map", "Map"),
    entry("#/search", "Search by picture"),
    entry("#/decisions", "Decisions", number(decisions)),
    el("span", { class: "gap" }),
    button("Undo", undo, { class: "quiet", title: "Key U" }),
    button("Keys ?", help, { class: "quiet" }),
  );
  // On a phone the lists are a strip: the one that is open is in it.
  document.querySelector("#nav .here")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const HELP = [
  ["← ↑ ↓ →", "go from picture to picture"],
  ["Enter", "look closely"],
  ["K", "keep"],
  ["D", "drop"],
  ["R", "relabel"],
  ["N", "not an issue"],
  ["A", "do what is advised for the whole row"],
  ["U", "undo"],
  ["C", "compare the pair: then S slider, B blink, F difference"],
  ["/", "search paths"],
  ["Esc", "close"],
];

function help() {
  const dialog = document.getElementById("help");
  const rows = HELP.flatMap(([key, text]) => [el("dt", {}, el("kbd", { textContent: key })), el("dd", { textContent: text })]);
  dialog.replaceChildren(el("h2", { textContent: "Keys" }), el("dl", {}, ...rows), el("p", { class: "soft", textContent: "Decisions are written into the work directory at once. No picture is touched." }), button("Close", () => dialog.close()));
  dialog.showModal();
}

const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
const MODES = { s: "slider", b: "blink", f: "difference" };

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.target.closest("input, select, textarea, #ask, #help")) return;
  const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const within = detail.isOpen();
  const actions = {
    u: () => event.repeat || undo(),
    "?": help,
    "/": () => document.getElementById("search")?.focus(),
    Enter: () => !within && event.target.closest("button, a, summary") === null && current?.show(),
    a: () => !within && !event.repeat && current?.advised(current.at.index),
    c: () => (within ? detail.compareNearest() : current?.compare()),
  };
  // A key that is held down decides once.
  if (pressed in KEYS) event.repeat || decide(KEYS[pressed]);
  else if (pressed in ARROWS) {
    if (within) detail.step(ARROWS[pressed]);
    else if (!current?.move(ARROWS[pressed])) return;
  } else if (within && pressed in MODES) detail.compareBy(MODES[pressed]);
  else if (pressed in actions) {
    if (actions[pressed]() === false) return;
  } else return;
  event.preventDefault();
}

function watchDrops() {
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) drop(file);
  });
  addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (file) drop(file);
  });
}

/** Says so when another run has written the work directory. */
async function watchRun() {
  const banner = document.getElementById("banner");
  setInterval(async () => {
    if (document.hidden) return;
    try {
      state.overview = await get("api/overview");
    } catch (error) {
      failed(error);
      return;
    }
    nav();
    if (state.overview.current) banner.hidden = true;
    else warn();
  }, 10_000);
  addEventListener("other-run", warn);
}

function warn() {
  const banner = document.getElementById("banner");
  banner.hidden = false;
  if (banner.childElementCount) return;
  banner.append("Another run has written this work directory, or is writing it. What you see is from before. ", button("Load it", reload));
}

async function reload() {
  try {
    await post("api/reload");
    location.reload();
  } catch (error) {
    failed(error);
  }
}

async function start() {
  // The token has done its work: it need not stand where others may see it.
  history.replaceState(null, "", `${location.pathname}${location.hash}`);
  try {
    state.overview = await get("api/overview");
    ofRun(state.overview.run);
  } catch (error) {
    main.replaceChildren(el("p", { class: "empty", textContent: error.message }));
    return;
  }
  document.title = `Pixsieve: ${state.overview.input.split("/").filter(Boolean).at(-1) ?? ""}`;
  onchange(nav);
  addEventListener("hashchange", route);
  addEventListener("keydown", key);
  document.getElementById("detail").addEventListener("cancel", (event) => {
    event.preventDefault();
    detail.leave();
  });
  watchDrops();
  watchRun();
  await route();
}

start();
