// Lays two pictures over each other: slider, blinking, or their difference.
globalThis.attachCompare = (() => {
  "use strict";
  const MODES = { slider: "Slider", blink: "Blink", difference: "Difference" };
  const QUARTER = ["rot90", "rot270", "transpose", "transverse"];

  const make = (tag, values) => Object.assign(document.createElement(tag), values);

  const layer = (image, place) => {
    const element = make("div", { className: `layer ${place}` });
    const copy = make("img", { src: image.src || image.getAttribute("href"), alt: "" });
    element.append(copy);
    return element;
  };

  // `to` is shown as it lies on `from`, turned back where it was turned.
  const stage = (from, to, transform, most) => {
    const element = make("div", { className: "stage" });
    const width = from.naturalWidth || Number(from.getAttribute("width")) || 1;
    const height = from.naturalHeight || Number(from.getAttribute("height")) || 1;
    element.style.aspectRatio = `${width} / ${height}`;
    element.style.setProperty("--aspect", width / height);
    // No larger than the screen is high, without losing its proportions.
    element.style.maxWidth = `min(100%, ${most}px, calc(60vh * ${width / height}))`;
    element.append(layer(from, "lower"), layer(to, "upper"));
    if (QUARTER.includes(transform)) element.querySelector(".upper img").className = "turned";
    return element;
  };

  const open = (place, pictures, most) => {
    const shown = stage(...pictures, place.dataset.transform, most);
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50 });
    slider.setAttribute("aria-label", "How much of the second picture is covered");
    slider.addEventListener("input", () => shown.style.setProperty("--at", `${slider.value}%`));
    place.append(shown);
    place.querySelector(".modes").append(slider);
    return { shown, slider };
  };

  // Adds the buttons to `place`, whose `data-transform` says how the second picture was turned.
  return (place, pictures, most = 512) => {
    const modes = make("div", { className: "modes" });
    place.append(modes);
    let opened = null;
    for (const [mode, text] of Object.entries(MODES)) {
      const button = make("button", { type: "button", textContent: text });
      button.dataset.mode = mode;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        opened ??= open(place, pictures, most);
        const again = !opened.shown.hidden && opened.shown.dataset.mode === mode;
        opened.shown.dataset.mode = mode;
        opened.shown.hidden = again;
        opened.slider.hidden = again || mode !== "slider";
        for (const other of modes.querySelectorAll("button"))
          other.setAttribute("aria-pressed", String(other === button && !again));
      });
      modes.append(button);
    }
  };
})();
