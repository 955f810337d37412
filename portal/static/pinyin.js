// From what is spelled to what may be meant. Pure: no page, no network.

/** The longest syllable that `spelled` begins with, or the whole when it begins none. */
function firstSyllable(table, spelled) {
  for (let length = Math.min(6, spelled.length); length > 0; length--) {
    if (table.chars[spelled.slice(0, length)]) return spelled.slice(0, length);
  }
  return "";
}

/** Candidates, best first: {text, used}, where `used` is how many letters the choice takes. */
export function candidates(table, spelled, most = 40) {
  if (!spelled) return [];
  const found = [];
  const seen = new Set();
  const add = (text, used) => {
    if (!seen.has(text) && found.length < most) {
      seen.add(text);
      found.push({ text, used });
    }
  };
  for (let length = spelled.length; length > 1; length--) {
    for (const word of (table.words[spelled.slice(0, length)] || "").split(" ")) if (word) add(word, length);
  }
  if (spelled.length > 2) {
    for (const [sound, words] of Object.entries(table.words)) {
      if (sound.startsWith(spelled)) for (const word of words.split(" ")) add(word, spelled.length);
      if (found.length > 14) break;
    }
  }
  const syllable = firstSyllable(table, spelled);
  for (const character of table.chars[syllable] || "") add(character, syllable.length);
  if (!syllable) {
    for (const [sound, characters] of Object.entries(table.chars)) {
      if (sound.startsWith(spelled)) add(characters[0], spelled.length);
    }
  }
  return found;
}
