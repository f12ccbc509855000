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
  /** ms, counted from the entry's time; 0 = for ever. */
  readonly ttl: number;
}

/** A message as it reaches the server. */
export interface IncomingMessage {
  readonly data: unknown;
  readonly headers: Headers;
  /** What the sender chose; on a redriven copy without one the id of the entry that it is a copy of. */
  readonly messageId: string | undefined;
  /** The one group that is meant; redriven dead letters have it. */
  readonly onlyGroup: string | undefined;
  /** Present on a request. */
  readonly request: RequestAddress | undefined;
  /** All fields of the entry, if some of them mean nothing to us: `plainFields` picks those. */
  readonly otherFields: readonly string[] | undefined;
}

/** One entry of a reply stream. */
export interface ReplyPart {
  readonly id: string;
  readonly seq: number;
  readonly data?: string;
  readonly err?: string;
  readonly last: boolean;
  /** Tells the parts of one run of the handler from those of another; absent on a reply that is complete in one part. */
  readonly run?: string;
}

/** Fields of an event or, with an address, of a request. Its ttl comes last, when it is written: see `withTtl`. */
export function encodeMessage(message: OutgoingMessage, request?: Omit<RequestAddress, 'ttl'>): string[] {
  // An entry needs a field, and an event without `data` would reach the handler as an object of its fields.
  const fields: string[] = [FIELD.data, message.data ?? ''];
  if (request) fields.push(FIELD.id, request.id, FIELD.reply, request.inbox);
  if (message.headers) fields.push(FIELD.headers, encodeHeaders(message.headers));
  if (message.messageId !== undefined) fields.push(FIELD.messageId, message.messageId);
  return fields;
}

/** Fields of a request that is of use for `ttl` ms from when it is written; 0 = for ever. */
export function withTtl(fields: readonly string[], ttl: number): readonly string[] {
  return ttl > 0 ? [...fields, FIELD.ttl, String(ttl)] : fields;
}

function encodeHeaders(headers: Headers): string {
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') {
      throw new InvalidMessageError(
        `Header ${JSON.stringify(name.slice(0, 80))} has to be a string, got ${typeof value}`,
      );
    }
  }
  return assertSize(JSON.stringify(headers), 'The headers', MAX_HEADERS_BYTES);
}

/**
 * Reads the fields of an entry. Only `data` matters of a foreign entry; without it the fields themselves are the data.
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
  // Without both of them these are fields like any other.
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

/** A message of another transporter: what our own fields are called may be a property of its data there. */
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
  /** Whether there are fields that mean nothing to us. */
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
    // Not by a lookup: names that were just read would have to be hashed for it.
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
  if (!isUuidV4(inbox)) throw new UndecodableEntryError(FIELD.reply, 'no uuid v4');
  if (!isUuidV4(id)) throw new UndecodableEntryError(FIELD.id, 'no uuid v4');
  const ttlMs = ttl === undefined ? 0 : Number(ttl);
  if (!Number.isFinite(ttlMs) || ttlMs < 0) throw new UndecodableEntryError(FIELD.ttl, 'no number of milliseconds');
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
    // V8 quotes the text in its messages; a payload must not reach a log that way.
    const rule = error instanceof RangeError ? error.message : 'no JSON';
    throw new UndecodableEntryError(FIELD.data, rule, request);
  }
}

function decodeHeaders(text: string, request: RequestAddress | undefined): Headers {
  let parsed: unknown;
  try {
    if (exceedsBytes(text, MAX_HEADERS_BYTES)) throw new RangeError('too large');
    parsed = parseJson(text);
  } catch {
    throw new UndecodableEntryError(FIELD.headers, 'no JSON of bearable size', request);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new UndecodableEntryError(FIELD.headers, 'no JSON object', request);
  }
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(parsed)) {
    if (typeof value !== 'string') throw new UndecodableEntryError(FIELD.headers, 'no object of strings', request);
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

/** Reads one entry of a reply stream; undefined when it is no reply. */
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
