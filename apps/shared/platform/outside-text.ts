/** Longest text from another system that goes into a log, a record or an answer of the API. */
export const MAX_OUTSIDE_CHARACTERS = 200;

/**
 * Control characters, line separators, halves of surrogate pairs, and characters that turn the reading direction. They
 * forge lines of a log and colors of a terminal, and Postgres stores no NUL.
 */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\p{Bidi_Control}]/u;

/** Text that another system sent, as at most `max` printable characters: the rest is cut off, the others are escaped. */
export const printable = (text: string, max = MAX_OUTSIDE_CHARACTERS): string => {
  // One more than fits shows whether there is more; the text may be megabytes long.
  const characters = Array.from(text.slice(0, max + 1), escaped);
  const whole = characters.join('');
  return whole.length <= max ? whole : `${beginning(characters, max - 1)}…`;
};

const escaped = (character: string): string =>
  UNPRINTABLE.test(character) ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}` : character;

/** Cuts between two characters, never within an escape or a surrogate pair. */
const beginning = (characters: readonly string[], max: number): string => {
  let text = '';
  for (const character of characters) {
    if (text.length + character.length > max) break;
    text += character;
  }
  return text;
};
