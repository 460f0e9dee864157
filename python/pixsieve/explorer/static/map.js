// The collection as a map: what looks alike lies close together.

import { bytes, cards, get, patiently, thumb } from "./api.js";
import { el, name, number } from "./dom.js";
import { failed, look } from "./review.js";

/** The colours of the classes, and that of all others: those of the style sheet, light or dark. */
const TONES = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--other"];
const OTHER = TONES.length - 1;
/** Pixels within which a point is pointed at. */
const REACH = 14;
const CELLS = 256;

export async function showMap(main, signal) {
  look();
  const canvas = el("canvas", { attributes: { role: "img", "aria-label": "Map of the collection" } });
  const tip = el("div", { class: "tip", hidden: true });
  const legend = el("div", { class: "legend" });
  const place = el("div", { class: "map" }, canvas, tip);
  const line = el("p", { class: "soft said", textContent: "What looks alike lies close together. This is being worked out …" });
  main.replaceChildren(el("header", { class: "listhead" }, el("h1", { textContent: "Map" }), line, legend), place);
  const known = await patiently("api/map", () => {}, { signal });
  const data = await bytes("api/map/points");
  if (signal.aborted) return null;
  if (!known.points) {
    line.textContent = "No image could be read: there is nothing to show.";
    return null;
  }
  line.textContent = "What looks alike lies close together. Scroll or pinch to zoom, drag to move, click to open, double-click for all of it.";
  const map = new PointMap(canvas, tip, known, data);
  legend.append(...entries(known, map));
  return map;
}

function entries(known, map) {
  const all = known.classes.map((one, place) => [one.text, one.images, place, place]);
  if (known.others) all.push(["others", known.others, OTHER, 255]);
  return all.map(([text, images, colour, place]) => {
    const dot = el("i", {});
    dot.style.background = `var(${TONES[colour]})`;
    const one = el("button", { type: "button", class: "value", attributes: { "aria-pressed": "true" }, on: { click: () => one.setAttribute("aria-pressed", String(map.toggle(place))) } }, dot, name(text), el("small", { textContent: number(images) }));
    return one;
  });
}

class PointMap {
  constructor(canvas, tip, known, data) {
    const many = known.points;
    this.canvas = canvas;
    this.tip = tip;
    this.x = new Float32Array(data, 0, many);
    this.y = new Float32Array(data, 4 * many, many);
    this.images = new Uint32Array(data, 8 * many, many);
    this.classes = new Uint8Array(data, 12 * many, many);
    this.hidden = new Set();
    this.fingers = new Map();
    this.#bounds();
    this.#index();
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.#resized()));
    this.observer.observe(canvas.parentElement);
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.fingers.delete(event.pointerId));
    canvas.addEventListener("dblclick", () => {
      this.#whole();
      this.#draw();
    });
    canvas.addEventListener("pointerleave", () => this.#point(-1));
  }

  close() {
    this.observer.disconnect();
  }

  toggle(place) {
    if (!this.hidden.delete(place)) this.hidden.add(place);
    this.#draw();
    return !this.hidden.has(place);
  }

  #bounds() {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let point = 0; point < this.x.length; point += 1) {
      left = Math.min(left, this.x[point]);
      right = Math.max(right, this.x[point]);
      low = Math.min(low, this.y[point]);
      high = Math.max(high, this.y[point]);
    }
    this.box = { left, low, width: right - left || 1, height: high - low || 1 };
  }

  /** Which points lie in which cell of a grid, so that pointing need not look at all of them. */
  #index() {
    const cell = (point) => this.#column(this.x[point]) + CELLS * this.#line(this.y[point]);
    const starts = new Uint32Array(CELLS * CELLS + 1);
    for (let point = 0; point < this.x.length; point += 1) starts[cell(point) + 1] += 1;
    for (let at = 0; at < CELLS * CELLS; at += 1) starts[at + 1] += starts[at];
    const next = starts.slice();
    this.sorted = new Uint32Array(this.x.length);
    for (let point = 0; point < this.x.length; point += 1) {
      const at = cell(point);
      this.sorted[next[at]] = point;
      next[at] += 1;
    }
    this.starts = starts;
  }

  #column = (x) => clamp(Math.floor(((x - this.box.left) / this.box.width) * CELLS));
  #line = (y) => clamp(Math.floor(((y - this.box.low) / this.box.height) * CELLS));

  #resized() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (!width || !height) return;
    this.ratio = devicePixelRatio;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    if (!this.view) {
      this.#whole();
    }
    this.#draw();
  }

  /** All of it, in the middle. */
  #whole() {
    const scale = 0.92 * Math.min(this.canvas.width / this.box.width, this.canvas.height / this.box.height);
    this.fit = scale;
    this.view = {
      scale,
      x: this.canvas.width / 2 - scale * (this.box.left + this.box.width / 2),
      y: this.canvas.height / 2 + scale * (this.box.low + this.box.height / 2),
    };
  }

  #draw() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    // Another page may have been opened since it was asked for.
    if (!this.canvas.isConnected || !this.view) return;
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const { scale, x: right, y: down } = this.view;
    const many = this.x.length;
    const zoom = scale / (Math.min(width / this.box.width, height / this.box.height) || 1);
    const size = Math.max(1, Math.round(this.ratio * Math.min(7, (many > 200_000 ? 1 : many > 20_000 ? 2 : 4) * Math.sqrt(Math.max(1, zoom)))));
    const tones = TONES.map((tone) => packed(getComputedStyle(this.canvas).getPropertyValue(tone)));
    const colours = new Uint32Array(256).fill(tones[OTHER]);
    colours.set(tones.slice(0, OTHER));
    for (const place of this.hidden) colours[place] = 0;
    for (let point = 0; point < many; point += 1) {
      const colour = colours[this.classes[point]];
      if (colour === 0) continue;
      const x = Math.round(this.x[point] * scale + right - size / 2);
      const y = Math.round(down - this.y[point] * scale - size / 2);
      if (x < 0 || y < 0 || x + size >= width || y + size >= height) continue;
      for (let line = 0; line < size; line += 1) pixels.fill(colour, (y + line) * width + x, (y + line) * width + x + size);
    }
    context.putImageData(image, 0, 0);
    if (this.at >= 0) this.#ring(context);
  }

  #ring(context) {
    context.lineWidth = 2 * this.ratio;
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.beginPath();
    context.arc(this.x[this.at] * this.view.scale + this.view.x, this.view.y - this.y[this.at] * this.view.scale, 7 * this.ratio, 0, 7);
    context.stroke();
  }

  #wheel(event) {
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY / 400), event.offsetX * this.ratio, event.offsetY * this.ratio);
  }

  #zoom(asked, x, y) {
    const scale = Math.max(this.fit / 2, Math.min(this.view.scale * asked, this.fit * 10_000));
    const by = scale / this.view.scale;
    this.view = { scale: this.view.scale * by, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    this.#point(-1);
    this.#draw();
  }

  /** Two fingers zoom as far as they move apart. */
  #pinch(event) {
    const others = [...this.fingers].filter(([finger]) => finger !== event.pointerId);
    const [x, y] = others[0][1];
    const [before, now] = [this.fingers.get(event.pointerId), [event.offsetX, event.offsetY]];
    const by = Math.hypot(now[0] - x, now[1] - y) / (Math.hypot(before[0] - x, before[1] - y) || 1);
    this.fingers.set(event.pointerId, now);
    this.held = { ...this.held, x: event.offsetX, y: event.offsetY, moved: true };
    this.#zoom(by, x * this.ratio, y * this.ratio);
  }

  #down(event) {
    this.fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.held = { x: event.offsetX, y: event.offsetY, moved: this.fingers.size > 1 };
    this.canvas.setPointerCapture(event.pointerId);
  }

  #move(event) {
    if (this.fingers.size > 1 && this.fingers.has(event.pointerId)) {
      this.#pinch(event);
      return;
    }
    if (this.held) {
      const [x, y] = [event.offsetX - this.held.x, event.offsetY - this.held.y];
      if (!this.held.moved && Math.hypot(x, y) < 4) return;
      this.view = { ...this.view, x: this.view.x + x * this.ratio, y: this.view.y + y * this.ratio };
      this.held = { x: event.offsetX, y: event.offsetY, moved: true };
      this.#point(-1);
      this.#draw();
      return;
    }
    this.#point(this.#nearest(event), event);
  }

  #up(event) {
    const moved = this.held?.moved;
    this.fingers.delete(event.pointerId);
    if (this.fingers.size) return;
    this.held = null;
    const point = this.#nearest(event);
    if (!moved && point >= 0) location.hash = `#/image/${this.images[point]}`;
  }

  #nearest(event) {
    if (!this.view) return -1;
    const { scale } = this.view;
    const x = (event.offsetX * this.ratio - this.view.x) / scale;
    const y = (this.view.y - event.offsetY * this.ratio) / scale;
    const reach = (REACH * this.ratio) / scale;
    let best = -1;
    let least = reach * reach;
    for (let line = this.#line(y - reach); line <= this.#line(y + reach); line += 1)
      for (let column = this.#column(x - reach); column <= this.#column(x + reach); column += 1)
        for (let at = this.starts[column + CELLS * line]; at < this.starts[column + CELLS * line + 1]; at += 1) {
          const point = this.sorted[at];
          const away = (this.x[point] - x) ** 2 + (this.y[point] - y) ** 2;
          if (away < least && !this.hidden.has(this.classes[point])) [best, least] = [point, away];
        }
    return best;
  }

  async #point(point, event) {
    if (point === this.at) return;
    this.at = point;
    this.#draw();
    this.tip.hidden = point < 0;
    if (point < 0) return;
    const image = this.images[point];
    const { offsetX: x, offsetY: y } = event;
    this.tip.style.left = `${Math.min(x + 14, this.canvas.clientWidth - 190)}px`;
    this.tip.style.top = `${Math.min(y + 14, this.canvas.clientHeight - 210)}px`;
    this.tip.replaceChildren();
    try {
      if (!cards.has(image)) await get(`api/card/${image}`);
    } catch (error) {
      failed(error);
      return;
    }
    if (this.at !== point) return;
    const card = cards.get(image);
    this.tip.append(el("img", { src: thumb(image), alt: "" }), el("span", { class: "path" }, name(card.name)), el("small", {}, name(card.label ?? "")));
  }
}

const clamp = (at) => Math.max(0, Math.min(CELLS - 1, at));

/** A colour such as #1c5d8c, as a pixel. */
const packed = (written) => {
  const [red, green, blue] = written.trim().match(/[0-9a-f]{2}/gi).map((part) => parseInt(part, 16));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
};
