import { once } from 'node:events';
import { request as requestTo } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { text as textOf } from 'node:stream/consumers';

const ANSWER_WITHIN_MS = 15_000;

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export async function get<T = unknown>(url: string): Promise<Answer<T>> {
  return answerOf(await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }));
}

/** Sends a `body` that is a string as it is, any other as JSON. */
export async function post<T = unknown>(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer<T>> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
  });
  return answerOf(response);
}

export interface RawRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Sends a request with exactly these headers, whereas `fetch` adds some of its own. */
export async function send<T = unknown>(
  url: string,
  { method = 'POST', headers = {}, body }: RawRequest,
): Promise<Answer<T>> {
  const request = requestTo(url, { method, headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const received = new Headers();
  for (const [name, value] of Object.entries(response.headersDistinct)) {
    for (const each of value ?? []) received.append(name, each);
  }
  return answered(response.statusCode ?? 0, received, await textOf(response));
}

export async function remove<T = unknown>(url: string): Promise<Answer<T>> {
  return answerOf(await fetch(url, { method: 'DELETE', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }));
}

/** Runs `call` for each index below `count`, at most `width` at the same time; results are in order of the index. */
export async function inParallel<T>(count: number, width: number, call: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) results[index] = await call(index);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}

async function answerOf<T>(response: Response): Promise<Answer<T>> {
  return answered(response.status, response.headers, await response.text());
}

function answered<T>(status: number, headers: Headers, text: string): Answer<T> {
  const isJson = headers.get('content-type')?.includes('json') ?? false;
  return { status, headers, body: (isJson && text !== '' ? JSON.parse(text) : text) as T };
}
