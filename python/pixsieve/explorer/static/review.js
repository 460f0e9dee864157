// Decisions: by key or by button, sent at once, and taken back just as easily.

import { Problem, cards, post } from "./api.js";
import { repaint } from "./cards.js";
import { button, count, el } from "./dom.js";
import { state, counted } from "./state.js";

const DONE = { keep: "Kept", drop: "Marked to drop", relabel: "Relabelled", not_an_issue: "Not an issue:" };
const SAID = { keep: "to keep", drop: "to drop", relabel: "relabelled", not_an_issue: "no issue" };
export const KEYS = { k: "keep", d: "drop", r: "relabel", n: "not_an_issue" };

const NOTHING = { target: () => null, next: () => {} };
/** What the keys act on, {image, finding, suggested} or null, and how to go on: on the page … */
let below = NOTHING;
/** … and in the dialog over it. */
let above = null;
/** What is sent is sent in its order. */
let sending = Promise.resolve();

const looking = () => above ?? below;

export function look(at = NOTHING) {
  below = at;
}

export function lookInstead(at) {
  above = at;
}

export function say(text, ...more) {
  const toast = document.getElementById("toast");
  toast.replaceChildren(el("span", { textContent: text }), ...more);
  toast.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => toast.classList.remove("shown"), 4000);
}

export function failed(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Problem)) throw error;
  say(error.message);
}

function take(answer) {
  for (const [image, held] of Object.entries(answer.decided)) {
    const card = cards.get(Number(image));
    if (card) card.decided = held;
    repaint(Number(image));
  }
  counted(answer.counts);
}

function send(address, body, done) {
  sending = sending.then(async () => {
    try {
      const answer = await post(address, body);
      take(answer);
      done(answer, Object.keys(answer.decided).length);
    } catch (error) {
      failed(error);
    }
  });
  return sending;
}

/** What became of the images, in few words; the name where it is one. */
function told(decided) {
  const counts = {};
  for (const held of Object.values(decided))
    for (const { decision } of held) counts[decision] = (counts[decision] ?? 0) + 1;
  const [image, ...others] = Object.keys(decided);
  const named = image && !others.length ? ` (${cards.get(Number(image))?.name ?? image})` : "";
  const kinds = Object.keys(SAID).filter((kind) => counts[kind]);
  const said = kinds.map((kind) => `${counts[kind]} ${SAID[kind]}`);
  return (said.join(", ") || "undecided") + named;
}

const decideOn = (body, said) =>
  send("api/decide", body, (_, many) => say(`${said} ${count(many, "image")}.`, button("Undo", undo)));

export const undo = () =>
  send("api/undo", {}, ({ undone, decided }, many) => {
    if (!undone) say("There is nothing to take back.");
    else if (many) say(`Taken back for ${count(many, "image")}: now ${told(decided)}.`);
    else say("Taken back a decision on images that are not of this run.");
  });

/** The one decision on one image that the keys or buttons ask for. */
export async function decide(decision, target = looking().target()) {
  if (!target) return;
  const { next } = looking();
  let { finding } = target;
  if (decision === "not_an_issue" && !finding) {
    if (target.found?.length !== 1) {
      say("Not an issue of which kind? Say so in the list of that finding.");
      return;
    }
    [finding] = target.found;
  }
  let label = null;
  if (decision === "relabel") {
    const card = cards.get(target.image);
    label = await askLabel(target.suggested ?? (card?.plain ? card.label : ""));
    if (label === null) return;
  }
  const body = { images: [target.image], decision, finding: finding ?? null, new_label: label };
  // On first, so that the next key finds the next image however long the answer takes.
  next();
  await decideOn(body, DONE[decision]);
}

/** What is advised for a whole item. */
export async function follow(finding, key) {
  const body = { finding, key, advised: true };
  await send("api/decide", body, ({ decided }, many) =>
    many ? say(`Decided: ${told(decided)}.`, button("Undo", undo)) : say("All of it was decided before."),
  );
}

function askLabel(given) {
  const dialog = document.getElementById("ask");
  const input = el("input", { type: "text", value: given, maxLength: 10_000, attributes: { list: "labels" } });
  const list = el(
    "datalist",
    { id: "labels" },
    ...(state.overview?.classes ?? []).map((one) => el("option", { value: one.value })),
  );
  return new Promise((done) => {
    const form = el(
      "form",
      { method: "dialog" },
      el("label", {}, el("span", { textContent: "The right label" }), input),
      list,
      el(
        "div",
        { class: "buttons" },
        el("button", { value: "take", textContent: "Relabel", class: "strong" }),
        el("button", { value: "", textContent: "Cancel", formNoValidate: true }),
      ),
    );
    input.required = true;
    // A field makes one line of it: what was left as it is, is meant as it was given.
    const shown = input.value;
    dialog.replaceChildren(form);
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => {
        const label = input.value === shown ? given : input.value;
        done(dialog.returnValue === "take" && label.trim() ? label : null);
      },
      { once: true },
    );
    dialog.showModal();
    input.select();
  });
}

export function decideButtons(target) {
  const one = (decision, text, key) =>
    el(
      "button",
      { type: "button", class: `decide ${decision}`, title: `Key ${key.toUpperCase()}`, on: { click: () => decide(decision, target()) } },
      el("span", { textContent: text }),
      el("kbd", { textContent: key.toUpperCase() }),
    );
  return el(
    "div",
    { class: "decisions" },
    one("keep", "Keep", "k"),
    one("drop", "Drop", "d"),
    one("relabel", "Relabel", "r"),
    one("not_an_issue", "Not an issue", "n"),
  );
}
