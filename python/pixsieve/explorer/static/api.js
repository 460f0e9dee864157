// Talks to the server, and remembers what it said of images.

/** What is known of images, by number. */
export const cards = new Map();
/** More are forgotten; the pages that a scroller keeps have fewer. */
const MOST = 100_000;

export class Problem extends Error {}

/** The run whose numbers this page knows; the server says so when it has loaded another. */
let run = null;

export const ofRun = (given) => {
  run ??= given;
};

async function asked(path, { headers, ...options } = {}) {
  let answer;
  const known = run === null ? {} : { "X-Pixsieve-Run": run };
  try {
    answer = await fetch(path, { cache: "no-store", ...options, headers: { ...known, ...headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The explorer has been stopped. Start it again, and open its new address.");
  }
  if (answer.status === 401) throw new Problem("Open the address that Pixsieve printed.");
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    if (said.other_run) dispatchEvent(new Event("other-run"));
    throw new Problem(said.error ?? answer.statusText);
  }
  return answer;
}

async function taken(answer) {
  const said = await answer.json();
  const known = said.images ?? said.cards;
  if (known && !Array.isArray(known) && typeof known === "object")
    for (const [image, card] of Object.entries(known)) {
      cards.delete(Number(image));
      cards.set(Number(image), card);
    }
  // The oldest go first: lists ask again for what is far from where one is.
  for (const image of cards.keys()) {
    if (cards.size <= MOST) break;
    cards.delete(image);
  }
  return said;
}

export const get = async (path, options) => taken(await asked(path, options));

export const bytes = async (path) => (await asked(path)).arrayBuffer();

export const post = async (path, body) =>
  taken(
    await asked(path, {
      method: "POST",
      headers: { "X-Pixsieve": "1" },
      body: body instanceof Blob ? body : JSON.stringify(body ?? {}),
    }),
  );

/** Asks until what is asked for has been worked out. */
export async function patiently(path, waiting, options) {
  for (;;) {
    const said = await get(path, options);
    if (!("pending" in said)) return said;
    waiting();
    await new Promise((done) => setTimeout(done, 600));
    if (options?.signal?.aborted) throw new DOMException("left", "AbortError");
  }
}

export const thumb = (image) => `thumb/${image}?v=${cards.get(image)?.version ?? ""}`;

export const picture = (image) => `picture/${image}?v=${cards.get(image)?.version ?? ""}`;
