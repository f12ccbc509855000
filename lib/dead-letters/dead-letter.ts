import { parseJson } from '../codec/json.js';
import { DEAD_FIELD, FIELD, OWN_FIELD } from '../constants.js';

/** A message that was given up, with its origin and the reason. */
export interface DeadLetter {
  /** Id in the dead-letter stream, for `inspect`, `redrive` and `purge`. */
  readonly id: string;
  readonly stream: string;
  readonly group: string;
  /** Id of the entry in its original stream. */
  readonly entryId: string;
  readonly attempts: number;
  readonly reason: string;
  readonly error: string;
  readonly failedAt: Date;
  /** The parsed payload; undefined if it is not JSON. */
  readonly data: unknown;
  /** Every field of the original entry, byte for byte; above 2,000 fields, one field `x-packed` (MessagePack). */
  readonly fields: ReadonlyMap<string, Buffer>;
}

const LETTER_FIELDS: ReadonlySet<string> = new Set(Object.values(DEAD_FIELD));

/** Reads an entry of a dead-letter stream; undefined if no server wrote it as a dead letter. */
export function readLetter(id: string, flat: readonly Buffer[]): DeadLetter | undefined {
  const about = new Map<string, string>();
  const fields = new Map<string, Buffer>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = String(flat[i]);
    const value = flat[i + 1] as Buffer;
    if (LETTER_FIELDS.has(name)) about.set(name, String(value));
    else fields.set(name.startsWith(OWN_FIELD) ? name.slice(OWN_FIELD.length) : name, value);
  }
  if (!about.has(DEAD_FIELD.group) || !about.has(DEAD_FIELD.id)) return undefined;
  const own = (name: string): string => about.get(name) ?? '';
  return {
    id,
    stream: own(DEAD_FIELD.stream),
    group: own(DEAD_FIELD.group),
    entryId: own(DEAD_FIELD.id),
    attempts: Number(own(DEAD_FIELD.attempts)),
    reason: own(DEAD_FIELD.reason),
    error: own(DEAD_FIELD.error),
    failedAt: new Date(own(DEAD_FIELD.failedAt)),
    data: parsedOrUndefined(fields.get(FIELD.data)),
    fields,
  };
}

function parsedOrUndefined(data: Buffer | undefined): unknown {
  try {
    return data && parseJson(String(data));
  } catch {
    return undefined;
  }
}
