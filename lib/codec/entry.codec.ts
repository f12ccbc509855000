import { EARLIER_HEADER, FIELD, MAX_HEADERS_BYTES } from '../constants.js';
import { InvalidMessageError } from '../errors/transport-errors.js';
import { isUuidV4 } from '../topology/keys.js';
import { decodeEarlierEntry } from './earlier-entry.js';
import { fieldsWithout, OUR_MARKS } from './foreign-fields.js';
import { exceedsBytes, parseJson } from './json.js';
import { assertSize } from './payload.js';
import { UndecodableEntryError } from './undecodable-entry.error.js';

export type Headers = Readonly<Record<string, string>>;

/** A message as it leaves the client. */
export interface OutgoingMessage {
  /** JSON, or absent for `undefined`. */
  readonly data: string | undefined;
  readonly headers?: Headers;
  readonly messageId?: string;
}

export interface RequestAddress {
  readonly id: string;
  readonly inbox: string;
  /** In ms, counted from the time in the entry's id; 0 = no limit. */
  readonly ttl: number;
}

/** A message as it reaches the server. */
export interface IncomingMessage {
  readonly data: unknown;
  readonly headers: Headers;
  /** Chosen by the sender. On a redriven copy without one, the id of the original entry. */
  readonly messageId: string | undefined;
  /** The only group that may handle the message; set on redriven dead letters. */
  readonly onlyGroup: string | undefined;
  /** Set on a request. */
  readonly request: RequestAddress | undefined;
  /** All fields of the entry, if some of them are not part of the wire format; `plainFields` picks those. */
  readonly otherFields: readonly string[] | undefined;
}

/** One entry of a reply stream. */
export interface ReplyPart {
  readonly id: string;
  readonly seq: number;
  readonly data?: string;
  readonly err?: string;
  readonly last: boolean;
  /** Id of the handler run that sent the part; absent on a reply that is complete in one part. */
  readonly run?: string;
}

/** Fields of an event or, with an address, of a request. `withTtl` adds the ttl when the request is written. */
export function encodeMessage(message: OutgoingMessage, request?: Omit<RequestAddress, 'ttl'>): string[] {
  // An entry needs at least one field, and without `data` an event would reach the handler as an object of its fields.
  const fields: string[] = [FIELD.data, message.data ?? ''];
  if (request) fields.push(FIELD.id, request.id, FIELD.reply, request.inbox);
  if (message.headers) fields.push(FIELD.headers, encodeHeaders(message.headers));
  if (message.messageId !== undefined) fields.push(FIELD.messageId, message.messageId);
  return fields;
}

/** Fields of a request that is valid for `ttl` ms after it is written; 0 = no limit. */
export function withTtl(fields: readonly string[], ttl: number): readonly string[] {
  return ttl > 0 ? [...fields, FIELD.ttl, String(ttl)] : fields;
}

function encodeHeaders(headers: Headers): string {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') {
      throw new InvalidMessageError(
        `Header ${JSON.stringify(name.slice(0, 80))} must be a string, got ${typeof value}`,
      );
    }
  }
  return assertSize(JSON.stringify(headers), 'The headers', MAX_HEADERS_BYTES, 'the limit for headers');
}

/**
 * Reads the fields of an entry. An entry of another producer needs only `data`; without it, its fields are the data.
 * @throws {UndecodableEntryError}
 */
export function decodeMessage(fields: readonly string[], maxBytes: number, keepText: boolean): IncomingMessage {
  const wire = messageFields(fields);
  const { data, id, reply, ttl } = wire;
  if (wire.earlierHeader !== undefined) return earlierMessage(fields, wire, wire.earlierHeader);
  if (id !== undefined && reply !== undefined) {
    const request = decodeAddress(id, reply, ttl);
    return messageOf(fields, wire, decodeData(data, maxBytes, keepText, request), request);
  }
  // Unless both are present, these are fields like any other.
  wire.hasOthers ||= (id ?? reply ?? ttl) !== undefined;
  if (data !== undefined) return messageOf(fields, wire, decodeData(data, maxBytes, keepText, undefined), undefined);
  wire.headers = undefined;
  return messageOf(fields, wire, fieldsWithout(fields, OUR_MARKS), undefined);
}

function messageOf(
  fields: readonly string[],
  wire: MessageFields,
  data: unknown,
  request: RequestAddress | undefined,
): IncomingMessage {
  const { headers, onlyGroup } = wire;
  return {
    data,
    headers: headers === undefined ? NO_HEADERS : decodeHeaders(headers, request),
    messageId: wire.messageId ?? wire.redriven,
    onlyGroup,
    request,
    otherFields: wire.hasOthers ? fields : undefined,
  };
}

/** A message of another transporter. Properties of its data may have the names of our own fields. */
function earlierMessage(fields: readonly string[], wire: MessageFields, header: string): IncomingMessage {
  const { onlyGroup, redriven } = wire;
  const own = fieldsWithout(fields, OUR_MARKS);
  return {
    data: decodeEarlierEntry(header, own),
    headers: NO_HEADERS,
    messageId: redriven,
    onlyGroup,
    request: undefined,
    otherFields: fields,
  };
}

interface MessageFields {
  data: string | undefined;
  id: string | undefined;
  reply: string | undefined;
  ttl: string | undefined;
  headers: string | undefined;
  messageId: string | undefined;
  onlyGroup: string | undefined;
  redriven: string | undefined;
  earlierHeader: string | undefined;
  /** Whether some fields are not part of the wire format. */
  hasOthers: boolean;
}

function messageFields(fields: readonly string[]): MessageFields {
  const found: MessageFields = {
    data: undefined,
    id: undefined,
    reply: undefined,
    ttl: undefined,
    headers: undefined,
    messageId: undefined,
    onlyGroup: undefined,
    redriven: undefined,
    earlierHeader: undefined,
    hasOthers: false,
  };
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1];
    // A switch, because a lookup would have to hash names that were just read.
    switch (fields[i] ?? '') {
      case FIELD.data:
        found.data = value;
        break;
      case FIELD.id:
        found.id = value;
        break;
      case FIELD.reply:
        found.reply = value;
        break;
      case FIELD.ttl:
        found.ttl = value;
        break;
      case FIELD.headers:
        found.headers = value;
        break;
      case FIELD.messageId:
        found.messageId = value;
        break;
      case FIELD.onlyGroup:
        found.onlyGroup = value;
        break;
      case FIELD.redriven:
        found.redriven = value;
        break;
      case EARLIER_HEADER:
        found.earlierHeader = value;
        break;
      default:
        found.hasOthers = true;
    }
  }
  return found;
}

/** The headers of a message that has none. */
const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>);

function decodeAddress(id: string, inbox: string, ttl: string | undefined): RequestAddress {
  if (!isUuidV4(inbox)) throw new UndecodableEntryError(FIELD.reply, 'not a uuid v4');
  if (!isUuidV4(id)) throw new UndecodableEntryError(FIELD.id, 'not a uuid v4');
  const ttlMs = ttl === undefined ? 0 : Number(ttl);
  if (!Number.isFinite(ttlMs) || ttlMs < 0) throw new UndecodableEntryError(FIELD.ttl, 'not a number of milliseconds');
  return { id, inbox, ttl: ttlMs };
}

function decodeData(
  text: string | undefined,
  maxBytes: number,
  keepText: boolean,
  request: RequestAddress | undefined,
): unknown {
  if (text === undefined || text === '') return undefined;
  if (exceedsBytes(text, maxBytes))
    throw new UndecodableEntryError(FIELD.data, `larger than ${maxBytes} bytes`, request);
  try {
    return parseJson(text);
  } catch (error) {
    if (keepText && error instanceof SyntaxError) return text;
    // V8 quotes the text in its messages, and a payload must not reach a log.
    const rule = error instanceof RangeError ? error.message : 'not JSON';
    throw new UndecodableEntryError(FIELD.data, rule, request);
  }
}

function decodeHeaders(text: string, request: RequestAddress | undefined): Headers {
  let parsed: unknown;
  try {
    if (exceedsBytes(text, MAX_HEADERS_BYTES)) throw new RangeError('too large');
    parsed = parseJson(text);
  } catch {
    throw new UndecodableEntryError(FIELD.headers, 'not JSON, too large or nested too deep', request);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UndecodableEntryError(FIELD.headers, 'not a JSON object', request);
  }
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value !== 'string') throw new UndecodableEntryError(FIELD.headers, 'not an object of strings', request);
    headers[name] = value;
  }
  return headers;
}

/** Fields of one part of a reply. */
export function encodeReply(part: ReplyPart): string[] {
  const fields = [FIELD.id, part.id, FIELD.seq, String(part.seq)] as string[];
  if (part.err !== undefined) fields.push(FIELD.err, part.err);
  else if (part.data !== undefined) fields.push(FIELD.data, part.data);
  if (part.last) fields.push(FIELD.last, '1');
  if (part.run !== undefined) fields.push(FIELD.run, part.run);
  return fields;
}

/** Reads one entry of a reply stream; undefined if it is not a reply. */
export function decodeReply(fields: readonly string[]): ReplyPart | undefined {
  const part: Writable<ReplyPart> = {
    id: '',
    seq: Number.NaN,
    data: undefined,
    err: undefined,
    last: false,
    run: undefined,
  };
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = String(fields[i + 1]);
    switch (String(fields[i])) {
      case FIELD.id:
        part.id = value;
        break;
      case FIELD.seq:
        part.seq = Number(value);
        break;
      case FIELD.data:
        part.data = value;
        break;
      case FIELD.err:
        part.err = value;
        break;
      case FIELD.last:
        part.last = value === '1';
        break;
      case FIELD.run:
        part.run = value;
    }
  }
  return part.id !== '' && Number.isInteger(part.seq) && part.seq >= 0 ? part : undefined;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };
