// Shows what a point of the map stands for: its picture, which is elsewhere on the page, and its name.
(() => {
  "use strict";
  // Pixels: as near as this a point is pointed at; from it to its card; from the card to the edge.
  const REACH = 28, GAP = 14, EDGE = 8;
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  const map = document.querySelector("svg.map");
  const make = (tag, values) => Object.assign(document.createElement(tag), values);

  const points = [...map.querySelectorAll(".mark")].map((mark) => {
    const [x, y] = mark.getAttribute("d").match(/[\d.]+/g).map(Number);
    return { mark, x, y };
  });
  if (!points.length) return;

  const card = make("div", { className: "floating", hidden: true });
  const picture = make("img", { alt: "" });
  const name = make("span", { className: "path" });
  const label = make("span", { className: "soft" });
  card.setAttribute("role", "status");
  card.append(picture, name, label);
  document.body.append(card);
  let chosen = null;

  const scale = () => map.getBoundingClientRect().width / map.viewBox.baseVal.width;

  const least = (value) => {
    let best = null, lowest = Infinity;
    for (const point of points) {
      const found = value(point);
      if (found < lowest) [best, lowest] = [point, found];
    }
    return best;
  };

  const nearest = (event) => {
    const box = map.getBoundingClientRect(), by = scale();
    const away = ({ x, y }) =>
      Math.hypot(box.left + x * by - event.clientX, box.top + y * by - event.clientY);
    const point = least(away);
    return away(point) <= REACH ? point : null;
  };

  // Beside the point, on the side that has room, and never over the edge.
  const place = ({ x, y }) => {
    const box = map.getBoundingClientRect(), by = scale();
    const put = (at, size, room) => {
      const start = at + GAP + size + EDGE <= room ? at + GAP : at - GAP - size;
      return Math.max(EDGE, Math.min(start, room - size - EDGE));
    };
    const { clientWidth, clientHeight } = document.documentElement;
    card.style.left = `${put(box.left + x * by, card.offsetWidth, clientWidth)}px`;
    card.style.top = `${put(box.top + y * by, card.offsetHeight, clientHeight)}px`;
  };

  const fill = ({ image, name: said, label: given }, colour) => {
    const source = document.querySelector(`img[data-image="${image}"]`);
    picture.hidden = !source;
    if (source) picture.src = source.src;
    name.textContent = said;
    label.replaceChildren();
    if (given === undefined) return;
    label.append(make("i", { className: colour }), given);
  };

  const show = (point) => {
    if (point === chosen) return;
    chosen?.mark.classList.remove("chosen");
    chosen = point;
    card.hidden = !point;
    if (!point) return;
    fill(point.mark.dataset, [...point.mark.classList].find((one) => one !== "mark"));
    point.mark.classList.add("chosen");
    point.mark.parentNode.append(point.mark);
    place(point);
  };

  picture.addEventListener("load", () => chosen && place(chosen));
  map.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") show(nearest(event));
  });
  map.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") show(null);
  });
  document.addEventListener("click", (event) =>
    show(map.contains(event.target) ? nearest(event) : null));
  document.addEventListener("scroll", () => show(null), { passive: true });

  // ---- keys ---- //

  const step = ([right, down]) => {
    const from = chosen ?? points[0];
    const next = least(({ x, y }) => {
      const along = (x - from.x) * right + (y - from.y) * down;
      const across = Math.abs((x - from.x) * down) + Math.abs((y - from.y) * right);
      return along > 0 && along >= across ? along + across : Infinity;
    });
    show(next ?? from);
  };

  map.setAttribute("tabindex", "0");
  map.addEventListener("focus", () => {
    if (map.matches(":focus-visible") && !chosen) show(points[0]);
  });
  map.addEventListener("blur", () => show(null));
  map.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(null);
    if (!STEPS[event.key]) return;
    event.preventDefault();
    step(STEPS[event.key]);
  });

  // ---- legend: one class alone ---- //

  for (const entry of document.querySelectorAll(".legend li")) {
    const light = (on) => {
      map.classList.toggle("only", on);
      for (const path of map.querySelectorAll(`.${entry.className}`))
        path.classList.toggle("lit", on);
    };
    entry.addEventListener("pointerenter", () => light(true));
    entry.addEventListener("pointerleave", () => light(false));
  }
})();
