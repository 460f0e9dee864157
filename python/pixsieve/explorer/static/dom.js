// Elements, made so that no text can become markup.

/** An element: `props` are properties, but for class, data, attributes and on. */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  const { class: names, data, attributes, on, ...rest } = props;
  if (names) element.className = names;
  Object.assign(element, rest);
  Object.assign(element.dataset, data ?? {});
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  for (const [name, listener] of Object.entries(on ?? {})) element.addEventListener(name, listener);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const number = (value) => Number(value).toLocaleString("en");

export const count = (value, noun) => `${number(value)} ${plural(value, noun)}`;

const plural = (value, noun) => {
  if (value === 1) return noun;
  return noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
};

/** A name that keeps its direction to itself. */
export const name = (text, full = text) =>
  el("bdi", { textContent: text, title: full, attributes: { dir: "auto" } });

export const tag = (text, tone = "") => el("span", { class: `tag ${tone}` }, name(text));

export const button = (text, onclick, props = {}) =>
  el("button", { type: "button", textContent: text, on: { click: onclick }, ...props });

/** Runs `work` once things have been quiet for some milliseconds. */
export function quiet(milliseconds, work) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), milliseconds);
  };
}
