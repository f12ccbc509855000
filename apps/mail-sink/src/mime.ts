import { TextDecoder } from 'node:util';

const WORD = String.raw`=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=`;
const WORDS = new RegExp(WORD, 'gi');
/** White space between two encoded words only keeps lines short and is not content. */
const GAPS = new RegExp(String.raw`(?<=\?=)\s+(?=${WORD})`, 'gi');
const HEX_BYTES = /=([\da-f]{2})/gi;

/** Unfolded header fields by lower-case name; the first one if a name repeats. */
export const headerFields = (header: string): ReadonlyMap<string, string> => {
  const lines = header.replaceAll(/\r?\n(?=[ \t])/g, '').split(/\r?\n/);
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  });
  return new Map(fields.toReversed());
};

/** A header field with its encoded words (RFC 2047) decoded. */
export const decodedWords = (field: string): string =>
  field
    .replaceAll(GAPS, '')
    .replaceAll(WORDS, (_word, charset: string, encoding: string, text: string) =>
      decoded(encoding.toLowerCase() === 'b' ? base64Bytes(text) : hexBytes(text.replaceAll('_', ' ')), charset),
    );

/** Decodes a body that is a single text; does not split multipart bodies. */
export const decodedBody = (body: Buffer, transferEncoding: string, charset: string): string => {
  switch (transferEncoding.toLowerCase()) {
    case 'base64':
      return decoded(base64Bytes(body.toString('latin1')), charset);
    case 'quoted-printable':
      return decoded(hexBytes(body.toString('latin1').replaceAll(/=[ \t]*\r?\n/g, '')), charset);
    default:
      return decoded(body, charset);
  }
};

const base64Bytes = (text: string): Buffer => Buffer.from(text, 'base64');

const hexBytes = (text: string): Buffer =>
  Buffer.from(
    text.replaceAll(HEX_BYTES, (_match, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );

const decoded = (bytes: Buffer, charset: string): string => decoderFor(charset).decode(bytes);

const decoderFor = (charset: string): TextDecoder => {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder(); // an unknown charset: UTF-8 is the best guess
  }
};
