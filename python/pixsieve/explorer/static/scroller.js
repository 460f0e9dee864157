// A list of any length: only what can be seen is there, and is asked for when it comes near.

/** Browsers cannot lay out more pixels; beyond, the scroll bar stands for more than it is long. */
const TALLEST = 8_000_000;
/** Items asked for together. */
const PAGE = 60;
/** Pixels that the bar keeps from an end that is not reached yet: several turns of a wheel. */
const ROOM = 2_000;
/** Pages kept; those farthest from what is seen go first. */
const KEPT = 40;
/** Rows made beyond what is seen. */
const BEYOND = 3;

export class Scroller {
  /**
   * @param {HTMLElement} place scrolls
   * @param {object} how `layout(width)` gives {columns, height} of a row; `page(start, limit)` a
   *   promise of items; `draw(item, index)` an element; `failed(error)` is told what went wrong
   */
  constructor(place, how) {
    this.place = place;
    this.how = how;
    this.total = 0;
    this.top = 0;
    this.pages = new Map();
    this.shown = new Map();
    this.inner = document.createElement("div");
    this.inner.className = "rows";
    place.replaceChildren(this.inner);
    this.onscroll = () => this.#scrolled();
    place.addEventListener("scroll", this.onscroll, { passive: true });
    this.observer = new ResizeObserver(() => requestAnimationFrame(() => this.#resized()));
    this.observer.observe(place);
  }

  close() {
    this.observer.disconnect();
    this.place.removeEventListener("scroll", this.onscroll);
    clearTimeout(this.resting);
    clearTimeout(this.asking);
    this.closed = true;
  }

  /** Starts with a first page that is there already. */
  open(total, first) {
    this.total = total;
    this.pages.set(0, first);
    this.#resized();
  }

  item(index) {
    const page = this.pages.get(Math.floor(index / PAGE));
    return Array.isArray(page) ? page[index % PAGE] : undefined;
  }

  element(index) {
    return this.shown.get(index);
  }

  get columns() {
    return this.grid?.columns ?? 1;
  }

  /** Scrolls as little as needed for an item to be seen. */
  reveal(index) {
    if (!this.grid) return;
    const y = Math.floor(index / this.grid.columns) * this.grid.height;
    const view = this.place.clientHeight;
    if (y < this.top) this.#moveTo(y);
    else if (y + this.grid.height > this.top + view) this.#moveTo(y + this.grid.height - view);
  }

  get #full() {
    return Math.ceil(this.total / this.grid.columns) * this.grid.height;
  }

  get #furthest() {
    return Math.max(0, this.#full - this.place.clientHeight);
  }

  #resized() {
    if (this.closed || !this.place.clientWidth) return;
    const first = this.grid ? Math.floor(this.top / this.grid.height) * this.grid.columns : 0;
    const grid = this.how.layout(this.place.clientWidth);
    const changed = grid.columns !== this.grid?.columns || grid.height !== this.grid?.height;
    this.grid = grid;
    this.inner.style.height = `${Math.min(this.#full, TALLEST)}px`;
    if (changed) {
      for (const element of this.shown.values()) element.remove();
      this.shown.clear();
      this.#moveTo(Math.floor(first / grid.columns) * grid.height);
    }
    this.#draw();
  }

  /** How far the scroll bar goes. */
  get #range() {
    return this.place.scrollHeight - this.place.clientHeight;
  }

  /** Where the scroll bar stands for `top`. */
  #barAt(top) {
    if (this.#full <= TALLEST) return top;
    const range = this.#range;
    if (top <= 0 || !this.#furthest) return 0;
    if (top >= this.#furthest) return range;
    // Not quite at the end as long as there is more: one could not go on otherwise.
    return Math.max(ROOM, Math.min(Math.round((top / this.#furthest) * range), range - ROOM));
  }

  #moveTo(top) {
    this.top = Math.max(0, Math.min(top, this.#furthest));
    this.bar = this.#barAt(this.top);
    this.place.scrollTop = this.bar;
    this.bar = this.place.scrollTop;
    this.#draw();
  }

  #scrolled() {
    if (!this.grid) return;
    const bar = this.place.scrollTop;
    const moved = bar - (this.bar ?? 0);
    if (moved === 0) return;
    if (this.#full <= TALLEST) this.top = bar;
    else if (Math.abs(moved) > 2 * this.place.clientHeight)
      this.top = Math.min(1, bar / this.#range) * this.#furthest;
    // By wheel or key one moves by rows, however many rows a pixel of the bar stands for.
    else this.top = Math.max(0, Math.min(this.top + moved, this.#furthest));
    this.bar = bar;
    this.#draw();
    if (this.#full <= TALLEST) return;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.#moveTo(this.top), 200);
  }

  #draw() {
    if (!this.grid || this.closed) return;
    const { columns, height } = this.grid;
    const firstRow = Math.max(0, Math.floor(this.top / height) - BEYOND);
    const lastRow = Math.ceil((this.top + this.place.clientHeight) / height) + BEYOND;
    const first = firstRow * columns;
    const last = Math.min(this.total, (lastRow + 1) * columns);
    for (const [index, element] of this.shown)
      if (index < first || index >= last) {
        element.remove();
        this.shown.delete(index);
      }
    const missing = new Set();
    const shift = (this.bar ?? 0) - this.top;
    for (let index = first; index < last; index += 1) {
      const item = this.item(index);
      let element = this.shown.get(index);
      if (element && element.dataset.waits && item) {
        element.remove();
        element = undefined;
      }
      if (!item) missing.add(Math.floor(index / PAGE));
      if (!element) {
        element = item ? this.how.draw(item, index) : this.#waiting();
        element.classList.add("placed");
        this.shown.set(index, element);
        this.inner.append(element);
      }
      const y = Math.floor(index / columns) * height + shift;
      element.style.transform = `translateY(${y}px)`;
      element.style.height = `${height}px`;
      element.style.width = `${100 / columns}%`;
      element.style.left = `${((index % columns) * 100) / columns}%`;
    }
    this.how.drawn?.();
    if (!missing.size) return;
    // Who scrolls fast does not want all that flies by.
    clearTimeout(this.asking);
    this.asking = setTimeout(() => missing.forEach((page) => this.#ask(page)), 40);
  }

  #waiting() {
    const element = document.createElement("div");
    element.className = "waiting";
    element.dataset.waits = "1";
    return element;
  }

  async #ask(page) {
    if (this.pages.has(page) || this.closed) return;
    const asked = this.how.page(page * PAGE, PAGE);
    this.pages.set(page, asked);
    try {
      this.pages.set(page, await asked);
    } catch (error) {
      this.pages.delete(page);
      this.how.failed(error);
      setTimeout(() => this.#draw(), 3000);
      return;
    }
    this.#forget(page);
    if (!this.closed) this.#draw();
  }

  #forget(near) {
    if (this.pages.size <= KEPT) return;
    const far = [...this.pages.keys()].sort((one, other) => Math.abs(other - near) - Math.abs(one - near));
    for (const page of far.slice(0, this.pages.size - KEPT)) this.pages.delete(page);
  }
}

export { PAGE };
