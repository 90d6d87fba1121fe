// A conversation outlives its page: the browser's own database holds it, and after a reload, or when
// the server was started anew, the page tells it to the server again. Only turns that are new come
// from the server. "New conversation" removes it.

const DATABASE = "next-omni";
const STORE = "conversations";
const MOST_CHARACTERS = 12_000_000; // of what goes back to the server; the oldest turns stay behind

export class ConversationKeeper {
  // name: of the tab; ask: called with the keys of the turns that are kept, so that the server
  // sends the others
  constructor(name, ask) {
    Object.assign(this, { name, ask, shown: "" });
  }

  // Called with every value of the conversation.
  async follow({ turns }) {
    const shown = describe(turns);
    if (shown === this.shown) return;
    this.shown = shown;
    if (!turns.length) await write(this.name, null);
    else this.ask(Object.keys((await read(this.name))?.turns ?? {}));
  }
}

// What the turns show, so that a change of any is seen.
export function describe(turns) {
  return turns.map(({ id, parts, words }) => `${id} ${parts.length} ${words}`).join("\n");
}

// news: {head, keys: of all turns in their order, turns: the ones that were not kept, by key}
export function merged(kept, { head, keys, turns }) {
  const known = { ...kept?.turns, ...turns };
  return { head, keys, turns: Object.fromEntries(keys.map((key) => [key, known[key]])) };
}

// A saved conversation as text, of the latest exchanges that fit; null where there is none.
export function asText(kept, most = MOST_CHARACTERS) {
  if (!kept?.keys.length) return null;
  let turns = kept.keys.map((key) => JSON.stringify(kept.turns[key]));
  while (turns.reduce((sum, turn) => sum + turn.length, 0) > most) turns = turns.slice(2);
  const head = JSON.stringify(kept.head).slice(1, -1);
  return turns.length ? `{${head}, "turns": [${turns.join(", ")}]}` : null;
}

export async function keepTurns(name, news) {
  await write(name, merged(await read(name), news));
}

export async function keptConversation(name) {
  return asText(await read(name));
}

// ---- the database ------------------------------------------------------------------------------

function answered(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function store(mode) {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  const database = await answered(request);
  const transaction = database.transaction(STORE, mode);
  transaction.oncomplete = transaction.onabort = () => database.close();
  return transaction.objectStore(STORE);
}

// A browser may forbid databases, or be full: then nothing is kept.
async function read(name) {
  try {
    return await answered((await store("readonly")).get(name));
  } catch {
    return null;
  }
}

async function write(name, value) {
  try {
    const kept = await store("readwrite");
    await answered(value ? kept.put(value, name) : kept.delete(name));
  } catch {
    // the conversation stays on the page
  }
}
