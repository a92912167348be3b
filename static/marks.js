// Texts of others with every invisible character as a mark: no text turns a line round. As in prjobs/base/marks.py.

// These two join or part letters, in Persian names and in emoji.
const JOINERS = "\u200c\u200d";
// The page puts a name between these, so that one that reads from right to left turns itself only.
const ISOLATES = "\u200e\u2068\u2069";
const LINES = "\n\t";
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

// Control and direction characters as "<U+202E>", but for those in `kept`; odd spaces become plain spaces.
export function marked(text, kept = "") {
  const mark = (char) => (JOINERS.includes(char) || kept.includes(char) ? char : `<U+${codeOf(char)}>`);
  return text.replace(INVISIBLE, mark).replace(/\p{Zs}/gu, " ");
}

// The same for whole texts of the page, with its own isolates and with the lines of JSON.
export const markedText = (text) => marked(text, ISOLATES + LINES);

const codeOf = (char) => char.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
