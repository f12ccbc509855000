import { EARLIER_HEADER, FIELD } from '../constants.js';

/** Fields that a transport adds to a message of any producer. */
export const OUR_MARKS: ReadonlySet<string> = new Set([FIELD.onlyGroup, FIELD.redriven, EARLIER_HEADER]);

const OF_EVENTS: ReadonlySet<string> = new Set([...OUR_MARKS, FIELD.data, FIELD.headers, FIELD.messageId]);
const OF_REQUESTS: ReadonlySet<string> = new Set([...OF_EVENTS, FIELD.id, FIELD.reply, FIELD.ttl]);

/** Fields of a message that are not part of the wire format, as an object without a prototype. */
export function plainFields(fields: readonly string[], isRequest: boolean): Readonly<Record<string, string>> {
  const ours = isRequest ? OF_REQUESTS : OF_EVENTS;
  const plain = Object.create(null) as Record<string, string>;
  return Object.freeze(Object.assign(plain, fieldsWithout(fields, ours)));
}

/** Names and values as an object. Omits `__proto__`, which would change the prototype of an object it is copied to. */
export function fieldsWithout(fields: readonly string[], without: ReadonlySet<string>): Record<string, string> {
  const found: Record<string, string> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (name !== '__proto__' && !without.has(name)) found[name] = fields[i + 1] ?? '';
  }
  return found;
}
