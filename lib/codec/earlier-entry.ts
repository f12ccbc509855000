import { EARLIER_HEADER } from '../constants.js';
import { parseJson } from './json.js';
import { UndecodableEntryError } from './undecodable-entry.error.js';

/** The header of such an entry. */
interface EarlierHeader {
  readonly correlationId?: unknown;
  readonly isArray?: unknown;
  readonly isPrimitive?: unknown;
}

/**
 * Data of an entry that `nestjs-redis-stream-microservice` wrote: one field per property or item, its value as JSON,
 * and a header that tells arrays (`isArray`) and plain values (`isPrimitive`) from objects. That package does not quote
 * a bare string, so a string that looks like a number becomes a number, as it did there.
 *
 * Its requests (`correlationId`) are refused: their callers read another reply stream.
 * @throws {UndecodableEntryError}
 */
export function decodeEarlierEntry(header: string, own: Readonly<Record<string, string>>): unknown {
  const { correlationId, isArray, isPrimitive } = headerOf(header);
  if (correlationId !== undefined) {
    throw new UndecodableEntryError(
      EARLIER_HEADER,
      'from a request of another transporter, whose caller cannot read our replies; migrate client and server together',
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
  throw new UndecodableEntryError(EARLIER_HEADER, 'not a JSON object');
}

function jsonOrText(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof RangeError) throw new UndecodableEntryError(EARLIER_HEADER, `beside a value ${error.message}`);
    return text;
  }
}
