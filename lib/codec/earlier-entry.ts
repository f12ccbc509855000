import { EARLIER_HEADER } from '../constants.js';
import { parseJson } from './json.js';
import { UndecodableEntryError } from './undecodable-entry.error.js';

/** What the header of such an entry may say. */
interface EarlierHeader {
  readonly correlationId?: unknown;
  readonly isArray?: unknown;
  readonly isPrimitive?: unknown;
}

/**
 * Data of an entry that `nestjs-redis-stream-microservice` wrote: one field for each property or item, its value as JSON,
 * and a header that tells arrays (`isArray`) and plain values (`isPrimitive`) from objects. A string alone is not quoted
 * there, so that one which looks like a number becomes one, as it did with that package.
 *
 * Its requests (`correlationId`) are refused: their callers read another stream of replies.
 * @throws {UndecodableEntryError}
 */
export function decodeEarlierEntry(header: string, own: Readonly<Record<string, string>>): unknown {
  const { correlationId, isArray, isPrimitive } = headerOf(header);
  if (correlationId !== undefined) {
    throw new UndecodableEntryError(
      EARLIER_HEADER,
      'that of a request of another transporter, whose caller does not read our replies; move both sides together',
    );
  }
  const values: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(own)) values[name] = jsonOrText(text);
  if (isPrimitive === true) return values['0'];
  return isArray === true ? Object.values(values) : values;
}

function headerOf(text: string): EarlierHeader {
  let header: unknown;
  try {
    header = parseJson(text);
  } catch {
    header = undefined;
  }
  if (typeof header === 'object' && header !== null) return header;
  throw new UndecodableEntryError(EARLIER_HEADER, 'no JSON object');
}

function jsonOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RangeError) throw new UndecodableEntryError(EARLIER_HEADER, `beside a value ${error.message}`);
    return text;
  }
}
