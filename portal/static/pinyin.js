// From what is spelled to what may be meant. Pure: no page, no network.

const SHORTEST_START = 3; // letters before words that only begin so are offered
const OFFERED = 12; // of those, and of words by their first letters
const CHARACTERS = 6; // of a whole syllable, before longer words that begin so
const LETTERS = /^[a-z']+/;

/** The table as it is looked up, from `pinyin.json`: {chars: sound -> characters, words: [{text, sound, initials}], bySound}. */
export function prepared({ chars, words }) {
  const usual = new Map();
  for (const [sound, found] of Object.entries(chars)) for (const character of found.split(" ")[0]) usual.set(character, sound);
  const all = words.split(" ").map((entry) => {
    const spelled = LETTERS.exec(entry)?.[0] || "";
    const text = entry.slice(spelled.length);
    const sounds = spelled ? spelled.split("'") : [...text].map((character) => usual.get(character) || "");
    return { text, sound: sounds.join(""), initials: sounds.map((sound) => sound[0]).join("") };
  });
  const bySound = new Map();
  for (const word of all) bySound.set(word.sound, [...(bySound.get(word.sound) || []), word]);
  return { chars: Object.fromEntries(Object.entries(chars).map(([sound, found]) => [sound, found.replace(" ", "")])), words: all, bySound };
}

/** The longest syllable that `spelled` begins with; empty when it begins with none. */
function firstSyllable(table, spelled) {
  for (let length = Math.min(6, spelled.length); length > 0; length--) {
    if (table.chars[spelled.slice(0, length)]) return spelled.slice(0, length);
  }
  return "";
}

function first(words, fits) {
  const found = [];
  for (const word of words) {
    if (fits(word)) found.push(word);
    if (found.length === OFFERED) break;
  }
  return found;
}

/** Candidates, best first: {text, used}, where `used` is how many letters the choice takes. */
export function candidates(table, spelled, most = 60) {
  if (!spelled) return [];
  const found = new Map();
  const add = (words, used) => { for (const { text } of words) if (!found.has(text)) found.set(text, { text, used }); };
  add(table.bySound.get(spelled) || [], spelled.length);
  add([...(table.chars[spelled] || "")].slice(0, CHARACTERS).map((text) => ({ text })), spelled.length);
  if (spelled.length >= SHORTEST_START) add(first(table.words, (word) => word.sound.startsWith(spelled)), spelled.length);
  if (spelled.length > 1) add(first(table.words, (word) => word.initials === spelled), spelled.length);
  for (let length = spelled.length - 1; length > 1; length--) add(table.bySound.get(spelled.slice(0, length)) || [], length);
  const syllable = firstSyllable(table, spelled);
  add([...(table.chars[syllable] || "")].map((text) => ({ text })), syllable.length);
  if (!syllable) {
    const begun = Object.keys(table.chars).filter((sound) => sound.startsWith(spelled));
    add(begun.map((sound) => ({ text: table.chars[sound][0] })), spelled.length);
  }
  return [...found.values()].slice(0, most);
}
