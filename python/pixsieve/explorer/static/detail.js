// One image closely, and two beside each other, over whatever list is on the page.

import { get, cards, picture } from "./api.js";
import { decided, figure, repaint } from "./cards.js";
import { button, el, name, number, tag } from "./dom.js";
import { current } from "./lists.js";
import { decideButtons, failed, lookInstead } from "./review.js";
import { listAddress } from "./state.js";

const dialog = () => document.getElementById("detail");

/** Where a closed image leads back to. */
let base = "#/";
let target = null;

export const isOpen = () => dialog().open;

export function setBase(address) {
  base = address;
}

export function close() {
  if (!dialog().open) return;
  dialog().close();
  lookInstead(null);
}

export const leave = () => {
  if (location.hash === base) close();
  else location.hash = base;
};

function open() {
  if (dialog().open) return;
  lookInstead({ target: () => target, next: () => step("right") });
  dialog().showModal();
  dialog().focus();
}

/** To the next image of the list, if there is one. */
export function step(direction) {
  if (!current?.move(direction)) return;
  const to = current.target();
  // Until it is there, keys do nothing.
  target = null;
  if (to) location.replace(`#/image/${to.image}`);
}

const large = (image) => {
  const card = cards.get(image);
  if (!card?.seen) return el("div", { class: "frame gone large" }, el("span", { class: "none", textContent: (card?.error ?? "not read").replaceAll("_", " ") }));
  const zoom = () => shown.parentElement.classList.toggle("zoomed");
  const shown = el("img", { src: picture(image), alt: card.name, width: card.width, height: card.height, title: "Click to see it in its own size, up to 1,600 pixels", on: { click: zoom } });
  // Small pictures are enlarged, but not beyond what there is to see.
  shown.style.maxWidth = `min(100%, ${3 * card.width}px)`;
  shown.style.maxHeight = `min(100%, ${3 * card.height}px)`;
  return el("div", { class: "frame large" }, shown, decided(image));
};

const SVG = "http://www.w3.org/2000/svg";

const drawing = (kind, attributes, ...children) => {
  const made = document.createElementNS(SVG, kind);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

/** The picture that an image is a box of, with the box drawn over it. */
const whole = (image, { corners, size: [width, height] }) =>
  el(
    "div",
    { class: "frame large whole" },
    drawing(
      "svg",
      { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "The whole picture" },
      drawing("image", { href: `${picture(image)}&whole=1`, width, height, preserveAspectRatio: "none" }),
      drawing("polygon", { points: corners.map(([x, y]) => `${x * width},${y * height}`).join(" ") }),
    ),
  );

/** Shows the box, or all of its picture. */
const wholeButton = (image, box) =>
  button("Whole picture", (event) => {
    const pressed = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", pressed);
    event.target.parentElement.querySelector(".frame").replaceWith(pressed ? whole(image, box) : large(image));
    repaint(image);
  }, { attributes: { "aria-pressed": "false" }, class: "quiet wholly" });

/** Shows it, unless one has left meanwhile. */
export async function showImage(image, signal) {
  let known;
  try {
    known = await get(`api/image/${image}`, { signal });
  } catch (error) {
    if (signal.aborted) return;
    failed(error);
    leave();
    return;
  }
  if (signal.aborted) return;
  const inList = current?.target()?.image === image ? current.target() : {};
  target = { image, finding: inList.finding ?? null, suggested: inList.suggested, found: [...new Set(known.found.map((one) => one.finding))] };
  const to = (other) => () => location.replace(`#/image/${other}`);
  const line = (title, images) =>
    images.length ? [el("h2", { textContent: title }), el("div", { class: "line" }, ...images.map((one) => withCompare(image, one, to(one.image))))] : [];
  const copies = known.copies.map((one) => ({ image: one, tags: [{ text: "same bytes", tone: "bad" }] }));
  dialog().replaceChildren(
    el(
      "div",
      { class: "bar" },
      button("←", () => step("left"), { attributes: { "aria-label": "The one before" } }),
      button("→", () => step("right"), { attributes: { "aria-label": "The next one" } }),
      el("span", { class: "path" }, name(cards.get(image).name, known.path)),
      button("×", leave, { attributes: { "aria-label": "Close" }, class: "leave" }),
    ),
    el(
      "div",
      { class: "closely", data: { image } },
      el("div", { class: "shown" }, large(image), known.box ? wholeButton(image, known.box) : null, decideButtons(() => target)),
      el(
        "div",
        { class: "known" },
        known.label === null ? null : el("p", {}, "Label ", el("b", {}, name(known.label))),
        ...known.found.map(foundLine),
        known.found.length ? null : el("p", { class: "soft", textContent: "Nothing was found to be wrong with it." }),
        facts(known),
      ),
    ),
    el(
      "div",
      { class: "around" },
      ...line(`Copies${known.more_copies ? `, and ${number(known.more_copies)} more` : ""}`, copies),
      ...line("Nearest", known.neighbors),
      el("p", {}, el("a", { href: `#/similar/${image}`, textContent: "All that is similar" })),
    ),
  );
  open();
  dialog().scrollTop = 0;
  repaint(image);
}

function withCompare(image, other, onopen) {
  const made = figure(other, onopen);
  const beside = button("compare", (event) => {
    event.stopPropagation();
    location.hash = `#/pair/${image}/${other.image}`;
  }, { class: "quiet" });
  made.append(beside);
  return made;
}

function foundLine(one) {
  const key = one.key;
  return el(
    "p",
    { class: "found" },
    el("a", { href: `${listAddress(one.finding)}`, textContent: one.title }),
    " ",
    ...one.tags.map((said) => tag(said.text, said.tone)),
    ["duplicates", "components", "placeholders"].includes(one.finding) ? el("a", { class: "quiet", href: listAddress("images", { of: `${one.finding}:${key}` }), textContent: "show all" }) : null,
  );
}

function facts(known) {
  const list = el("dl", {});
  for (const [key, value] of known.facts) list.append(el("dt", { textContent: key.replaceAll("_", " ") }), el("dd", {}, name(value)));
  list.append(el("dt", { textContent: "path" }), el("dd", {}, name(known.path)));
  return list;
}

export async function showPair(from, to, turned, signal) {
  try {
    await Promise.all([from, to].map((image) => get(`api/image/${image}`, { signal })));
  } catch (error) {
    if (signal.aborted) return;
    failed(error);
    leave();
    return;
  }
  if (signal.aborted) return;
  target = { image: to, finding: current?.target()?.finding ?? null };
  const row = el("div", { class: "row" });
  const compare = el("div", { class: "compare" });
  if (turned) compare.dataset.transform = turned;
  for (const image of [from, to]) {
    const card = cards.get(image);
    const chosen = el(
      "figure",
      {
        class: `card${image === to ? " at" : ""}`,
        data: { image },
        on: {
          click: () => {
            target = { ...target, image };
            row.querySelectorAll(".card").forEach((one) => one.classList.toggle("at", Number(one.dataset.image) === image));
          },
        },
      },
      large(image),
      el("figcaption", {}, el("span", { class: "path" }, name(card.name)), el("span", { class: "meta" }, pairMeta(card))),
    );
    row.append(chosen);
  }
  dialog().replaceChildren(
    el(
      "div",
      { class: "bar" },
      el("span", { class: "path", textContent: "Two images" }),
      turned ? tag(turned.replaceAll("_", " ")) : null,
      button("×", leave, { attributes: { "aria-label": "Close" }, class: "leave" }),
    ),
    row,
    compare,
    decideButtons(() => target),
  );
  const pictures = row.querySelectorAll("img");
  if (pictures.length === 2) globalThis.attachCompare(compare, pictures, 900);
  open();
}

const pairMeta = (card) => [card.label, card.split, card.width ? `${card.width} × ${card.height}` : null, card.size].filter(Boolean).join(" · ");

/** Compares the image that is shown with its first copy, or else with what is nearest. */
export function compareNearest() {
  dialog().querySelector(".around .card .quiet")?.click();
}

/** Presses the button of a way to compare. */
export function compareBy(mode) {
  dialog().querySelector(`.compare [data-mode="${mode}"]`)?.click();
}

