const MAX_CHARACTERS = 300;

// The bounds are those of the formats. Without them, a long text would take time by the square of its length.
const ADDRESS = /<[^<>]{0,64}@[^<>]{0,255}>|[^\s<>"'(),;:@]{1,64}@[^\s<>"'(),;:@]{1,255}/g;
/** With a plus and in any groups, or as a run of digits that is not part of an id. */
const PHONE_NUMBER = /\+\d[\d ()./-]{5,20}\d|(?<![\w-])\d{9,15}(?![\w-])/g;

/** A text from another system, which may quote a recipient: without addresses and phone numbers, clipped. */
export const redact = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim().replaceAll(ADDRESS, '…').replaceAll(PHONE_NUMBER, '…');
  const characters = Array.from(line);
  return characters.length > MAX_CHARACTERS ? `${characters.slice(0, MAX_CHARACTERS).join('')}…` : line;
};
