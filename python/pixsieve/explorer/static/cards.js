// One image, as every list shows it.

import { cards, thumb } from "./api.js";
import { el, name, tag } from "./dom.js";

const SAID = { keep: "keep", drop: "drop", relabel: "relabel", not_an_issue: "not an issue" };
const TONES = { keep: "good", drop: "bad", relabel: "note", not_an_issue: "" };

/** What was decided of an image, as tags over its picture. */
export function decided(image) {
  const held = cards.get(image)?.decided ?? [];
  return el(
    "span",
    { class: "decided" },
    ...held.map((one) =>
      tag(
        one.decision === "relabel" ? `→ ${short(one.new_label)}` : SAID[one.decision],
        TONES[one.decision],
      ),
    ),
  );
}

const UNKNOWN = { name: "?", label: null, split: null, width: null, size: "" };

const short = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

/** The picture in its frame, or why there is none. */
export function frame(image) {
  const card = cards.get(image);
  if (!card?.seen) {
    const why = (card?.error ?? "not read").replaceAll("_", " ");
    return el("div", { class: "frame gone" }, el("span", { class: "none", textContent: why }), decided(image));
  }
  const shown = el("img", {
    src: thumb(image),
    alt: card.name,
    decoding: "async",
    draggable: false,
    width: card.width,
    height: card.height,
  });
  return el("div", { class: "frame" }, shown, decided(image));
}

/** Characters at the end of a name that stay where the rest of it gives way. */
const END = 14;
/** Names of so few characters are not parted. */
const SHORT = 20;

/** The name of a file in two parts, of which the first gives way where there is no room. */
function file(text, full) {
  const letters = Array.from(text);
  const at = letters.length > SHORT ? letters.length - END : 0;
  const parts = [["start", letters.slice(0, at)], ["end", letters.slice(at)]].filter(([, held]) => held.length);
  return el(
    "bdi",
    { class: "file", title: full, attributes: { dir: "auto" } },
    ...parts.map(([part, held]) => el("span", { class: part, textContent: held.join("") })),
  );
}

/** The end of a name tells files, boxes and frames apart: the folder and the middle give way. */
export function path(full) {
  const mark = full.indexOf("#");
  const end = full.lastIndexOf("/", mark < 0 ? full.length : mark) + 1;
  return el(
    "span",
    { class: "path" },
    end ? el("bdi", { class: "folder", textContent: full.slice(0, end), title: full, attributes: { dir: "auto" } }) : null,
    file(full.slice(end), full),
  );
}

export function meta(card) {
  const said = [card.label, card.split].filter((one) => one !== null);
  const sizes = [card.width ? `${card.width} × ${card.height}` : null, card.size].filter(Boolean);
  const parts = [...said.map((one) => name(one)), ...(sizes.length ? [sizes.join(" · ")] : [])];
  return el("span", { class: "meta" }, ...parts.flatMap((one, at) => (at ? [" · ", one] : [one])));
}

/** A picture with what is said of it; `open` is called when it is chosen. */
export function figure(shown, open) {
  const card = cards.get(shown.image) ?? UNKNOWN;
  const made = el(
    "figure",
    {
      class: `card${shown.beside ? " beside" : ""}`,
      data: { image: shown.image },
      tabIndex: -1,
      on: { click: () => open(shown) },
    },
    frame(shown.image),
    el(
      "figcaption",
      {},
      shown.tags.length ? el("span", { class: "tags" }, ...shown.tags.map((one) => tag(one.text, one.tone))) : null,
      path(card.name),
      meta(card),
    ),
  );
  mark(made, shown.image);
  return made;
}

function mark(element, image) {
  const held = (cards.get(image)?.decided ?? []).map((one) => one.decision);
  element.classList.toggle("dropped", held.includes("drop"));
  element.classList.toggle("settled", held.length > 0);
}

/** Shows what is decided now, wherever the image is on the page. */
export function repaint(image) {
  for (const element of document.querySelectorAll(`[data-image="${image}"]`)) {
    element.querySelector(".decided")?.replaceWith(decided(image));
    mark(element, image);
  }
}
