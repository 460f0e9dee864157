// Search by a picture: dropped, pasted, chosen, or one of the collection.

import { Problem, cards, get, post } from "./api.js";
import { figure } from "./cards.js";
import { count, el, name } from "./dom.js";
import { showItems } from "./lists.js";
import { failed, look } from "./review.js";

const LIST = { name: "search", title: "Search", unit: "image", text: "", tiles: true };

/** Bytes that the server takes. */
const LARGEST = 64_000_000;

/** The picture that was dropped last; its address lives as long as it is looked at. */
let dropped = null;

export function drop(file) {
  if (dropped) URL.revokeObjectURL(dropped.address);
  dropped = { file, address: URL.createObjectURL(file) };
  if (location.hash === "#/search") dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = "#/search";
}

function page(main, title, ...query) {
  const place = el("div", { class: "scroll", tabIndex: 0 });
  const line = el("p", { class: "soft said" });
  main.replaceChildren(el("header", { class: "listhead" }, el("h1", { textContent: title }), line, el("div", { class: "query" }, ...query)), place);
  look();
  return { place, line };
}

function chooser() {
  const input = el("input", { type: "file", accept: "image/*", id: "file", on: { change: () => input.files[0] && drop(input.files[0]) } });
  return el("label", { class: "dropzone" }, "Drop a picture anywhere, paste one, or choose a file ", input);
}

export async function showSearch(main, signal) {
  if (!dropped) {
    page(main, "Search by picture", chooser());
    return null;
  }
  const shown = el("img", { src: dropped.address, alt: dropped.file.name });
  const { place, line } = page(main, "Search by picture", el("div", { class: "frame" }, shown), el("p", {}, name(dropped.file.name)), chooser());
  place.replaceChildren(el("p", { class: "empty", textContent: "Looking …" }));
  let found;
  try {
    if (dropped.file.size > LARGEST) throw new Problem("The picture is larger than 64 MB.");
    found = await post("api/search", dropped.file);
  } catch (error) {
    place.replaceChildren(el("p", { class: "empty", textContent: error.message }));
    if (!(error instanceof Problem)) failed(error);
    return null;
  }
  return signal.aborted ? null : results(place, line, found);
}

export async function showSimilar(main, image, signal) {
  const [, found] = await Promise.all([get(`api/image/${image}`), get(`api/similar/${image}`)]);
  if (signal.aborted) return null;
  const shown = { image, tags: [] };
  const { place, line } = page(main, "Similar images", figure(shown, () => (location.hash = `#/image/${image}`)), el("p", {}, name(cards.get(image).name)));
  return results(place, line, found);
}

function results(place, line, found) {
  if (!found.total) {
    place.replaceChildren(el("p", { class: "empty", textContent: "There are no images to compare with." }));
    return null;
  }
  line.textContent = `The ${count(found.total, "image")} that come nearest, the most similar first.`;
  return showItems(place, LIST, found.items);
}

export async function showDecisions(main, signal) {
  const found = await get("api/decisions", { signal });
  const { place, line } = page(main, "Decisions");
  if (!found.total) {
    place.replaceChildren(el("p", { class: "empty", textContent: "Nothing is decided yet." }));
    return null;
  }
  line.replaceChildren(`${count(found.total, "image")}, the latest first. `, el("code", { textContent: "audit.decisions()" }));
  return showItems(place, LIST, found.items);
}
