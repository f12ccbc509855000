import { FIELD, MAX_HEADERS_BYTES } from '../constants.js';
import { InvalidMessageError, PayloadTooLargeError } from '../errors/transport-errors.js';
import { isUuidV4 } from '../topology/keys.js';
import { exceedsBytes, parseJson } from './json.js';

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
  readonly messageId: string | undefined;
  /** The one group that is meant; redriven dead letters have it. */
  readonly onlyGroup: string | undefined;
  /** Present on a request. */
  readonly request: RequestAddress | undefined;
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

/** An entry that can never be understood; another attempt would not help. */
export class UndecodableEntryError extends Error {
  override readonly name = 'UndecodableEntryError';

  constructor(
    field: string,
    rule: string,
    /** Whom to tell, when the rest of a request could be read. */
    readonly request?: RequestAddress,
  ) {
    super(`Field \`${field}\` is ${rule}`);
  }
}

/**
 * JSON of a value, or undefined for `undefined`.
 * @throws {InvalidMessageError} for what JSON cannot say: a BigInt, a cycle
 * @throws {PayloadTooLargeError} above `maxBytes`
 */
export function encodeJson(value: unknown, what: string, maxBytes: number): string | undefined {
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (error) {
    const cause = error instanceof Error ? error : undefined;
    throw new InvalidMessageError(`${what} cannot be written as JSON (${cause?.name ?? 'unknown error'})`, cause);
  }
  return json === undefined ? undefined : assertSize(json, what, maxBytes);
}

/** @throws {PayloadTooLargeError} */
export function assertSize(text: string, what: string, maxBytes: number): string {
  if (exceedsBytes(text, maxBytes)) throw new PayloadTooLargeError(what, Buffer.byteLength(text), maxBytes);
  return text;
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
  const { data, id, reply, ttl, headers, mid, 'x-only-group': onlyGroup } = wireFields(fields);
  const request = id !== undefined && reply !== undefined ? decodeAddress(id, reply, ttl) : undefined;
  if (data === undefined && !request) {
    return { data: foreignData(fields), headers: NO_HEADERS, messageId: mid, onlyGroup, request };
  }
  return {
    data: data === undefined ? undefined : decodeData(data, maxBytes, keepText, request),
    headers: headers === undefined ? NO_HEADERS : decodeHeaders(headers, request),
    messageId: mid,
    onlyGroup,
    request,
  };
}

type WireFields = { [Name in (typeof FIELD)[keyof typeof FIELD]]: string | undefined };

/** The fields that mean something to us; a producer may add others. */
function wireFields(fields: readonly string[]): WireFields {
  const found: WireFields = {
    data: undefined,
    id: undefined,
    reply: undefined,
    ttl: undefined,
    headers: undefined,
    mid: undefined,
    'x-only-group': undefined,
    seq: undefined,
    err: undefined,
    last: undefined,
    run: undefined,
  };
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1];
    // Not by a lookup: names that were just read would have to be hashed for it.
    switch (fields[i] as keyof WireFields) {
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
        found.mid = value;
        break;
      case FIELD.onlyGroup:
        found['x-only-group'] = value;
        break;
      case FIELD.seq:
        found.seq = value;
        break;
      case FIELD.err:
        found.err = value;
        break;
      case FIELD.last:
        found.last = value;
        break;
      case FIELD.run:
        found.run = value;
    }
  }
  return found;
}

const NO_HEADERS: Headers = Object.freeze(Object.create(null) as Record<string, string>);

function decodeAddress(id: string, inbox: string, ttl: string | undefined): RequestAddress {
  if (!isUuidV4(inbox)) throw new UndecodableEntryError(FIELD.reply, 'no uuid v4');
  if (!isUuidV4(id)) throw new UndecodableEntryError(FIELD.id, 'no uuid v4');
  const ttlMs = ttl === undefined ? 0 : Number(ttl);
  if (!Number.isFinite(ttlMs) || ttlMs < 0) throw new UndecodableEntryError(FIELD.ttl, 'no number of milliseconds');
  return { id, inbox, ttl: ttlMs };
}

function decodeData(text: string, maxBytes: number, keepText: boolean, request: RequestAddress | undefined): unknown {
  if (text === '') return undefined;
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

function foreignData(fields: readonly string[]): Record<string, string> {
  const data: Record<string, string> = {};
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (name !== '__proto__' && name !== FIELD.onlyGroup) data[name] = fields[i + 1] ?? '';
  }
  return data;
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
  const { id, seq, data, err, last, run } = wireFields(fields);
  const number = Number(seq);
  if (id === undefined || !Number.isInteger(number) || number < 0) return undefined;
  return { id, seq: number, data, err, last: last === '1', ...(run !== undefined && { run }) };
}
