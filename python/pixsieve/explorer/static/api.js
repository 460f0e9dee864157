// Talks to the server, and remembers what it said of images.

/** What is known of images, by number. */
export const cards = new Map();
/** More are forgotten: they can be asked for again. */
const MOST = 20_000;

export class Problem extends Error {}

async function asked(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The explorer has been stopped. Start it again, and open its new address.");
  }
  if (answer.status === 401) throw new Problem("Open the address that Pixsieve printed.");
  if (!answer.ok) throw new Problem((await answer.json().catch(() => ({}))).error ?? answer.statusText);
  return answer;
}

async function taken(answer) {
  const said = await answer.json();
  if (cards.size > MOST) cards.clear();
  const known = said.images ?? said.cards;
  if (known && !Array.isArray(known) && typeof known === "object")
    for (const [image, card] of Object.entries(known)) cards.set(Number(image), card);
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

export const thumb = (image) => `/thumb/${image}?v=${cards.get(image)?.version ?? ""}`;

export const picture = (image) => `/picture/${image}?v=${cards.get(image)?.version ?? ""}`;
