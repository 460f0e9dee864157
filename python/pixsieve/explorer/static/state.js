// What all pages share.

export const state = { overview: null, columns: null };

const listeners = new Set();

/** Calls when the numbers beside the lists change. */
export const onchange = (listener) => listeners.add(listener);

export const changed = () => listeners.forEach((listener) => listener());

export function counted(counts) {
  if (state.overview) state.overview.counts = counts;
  changed();
}

/** The address of a list, as asked for. */
export function listAddress(list, asked = {}) {
  const given = Object.entries(asked).filter(([, value]) => value !== "" && value !== "[]" && value !== undefined);
  const query = new URLSearchParams(given).toString();
  return `#/list/${list}${query ? `?${query}` : ""}`;
}

export const listOf = (name) => state.overview.lists.find((one) => one.name === name);
