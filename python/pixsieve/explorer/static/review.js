// Decisions: by key or by button, sent at once, and taken back just as easily.

import { Problem, cards, post } from "./api.js";
import { repaint } from "./cards.js";
import { button, count, el } from "./dom.js";
import { state, counted } from "./state.js";

const DONE = { keep: "Kept", drop: "Marked to drop", relabel: "Relabelled", not_an_issue: "Not an issue:" };
export const KEYS = { k: "keep", d: "drop", r: "relabel", n: "not_an_issue" };

/** What the keys act on: {image, finding, suggested} or null, and how to go on. */
let looking = { target: () => null, next: () => {} };
const earlier = [];

export function look(at) {
  looking = at;
}

export function lookInstead(at) {
  earlier.push(looking);
  looking = at;
}

export function lookBack() {
  looking = earlier.pop() ?? looking;
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

async function send(body, said) {
  try {
    const answer = await post("/api/decide", body);
    take(answer);
    say(`${said} ${count(Object.keys(answer.decided).length, "image")}.`, button("Undo", undo));
    return true;
  } catch (error) {
    failed(error);
    return false;
  }
}

export async function undo() {
  try {
    const answer = await post("/api/undo");
    take(answer);
    const many = Object.keys(answer.decided).length;
    say(many ? `Taken back for ${count(many, "image")}.` : "There is nothing to take back.");
  } catch (error) {
    failed(error);
  }
}

/** The one decision on one image that the keys or buttons ask for. */
export async function decide(decision, target = looking.target()) {
  if (!target) return;
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
    label = await askLabel(target.suggested ?? cards.get(target.image)?.label ?? "");
    if (label === null) return;
  }
  const body = { images: [target.image], decision, finding: finding ?? null, new_label: label };
  if (await send(body, DONE[decision])) looking.next();
}

/** What is advised for a whole item. */
export async function follow(finding, key) {
  await send({ finding, key, advised: true }, "Decided for");
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
    dialog.replaceChildren(form);
    dialog.returnValue = "";
    dialog.addEventListener(
      "close",
      () => done(dialog.returnValue === "take" && input.value.trim() ? input.value : null),
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
