import { printable } from './outside-text.js';

/** What a call may cost its caller, whatever the server does. */
export interface CallLimits {
  /** For the whole call: connecting, waiting, and reading the body of the answer. */
  readonly timeoutMs: number;
  /** The body of the answer, decompressed. */
  readonly maxAnswerBytes: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Whether the status is 2xx. */
  readonly isOk: boolean;
  readonly body: string;
}

/** The server answered with more than the caller reads. The connection is closed. */
export class AnswerTooLargeError extends Error {
  override readonly name = 'AnswerTooLargeError';

  constructor(readonly maxBytes: number) {
    super(`the answer exceeds ${maxBytes} bytes`);
  }
}

/** The server could not be reached, or did not answer completely in time. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';

  constructor(
    message: string,
    /** Whether no connection came about: the server has not seen the call. */
    readonly isUnreached = false,
  ) {
    super(message);
  }
}

const UNREACHED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/**
 * Calls a server that is not trusted to answer in time, or to stop answering. Ends early when `init.signal` aborts.
 * @throws {NoAnswerError}
 * @throws {AnswerTooLargeError}
 */
export const call = async (
  url: URL,
  init: RequestInit,
  { timeoutMs, maxAnswerBytes }: CallLimits,
): Promise<HttpAnswer> => {
  try {
    return await bounded(timeoutMs, init.signal, async (signal) => {
      const response = await fetch(url, { ...init, signal });
      return { status: response.status, isOk: response.ok, body: await bodyOf(response, maxAnswerBytes) };
    });
  } catch (error) {
    throw error instanceof AnswerTooLargeError ? error : noAnswer(error);
  }
};

/**
 * Runs a step with a signal that aborts after `timeoutMs`, or together with `outer`; the promise does not wait for a
 * step that ignores its signal.
 *
 * The timer holds the controller. `AbortSignal.any([outer, AbortSignal.timeout(timeoutMs)])` is not held by anything:
 * after the garbage collector has taken the timeout signal, it never aborts.
 */
const bounded = async <T>(
  timeoutMs: number,
  outer: AbortSignal | null | undefined,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const follow = (): void => controller.abort(outer?.reason);
  const expire = (): void => controller.abort(new Error(`it took longer than ${timeoutMs} ms`));
  outer?.addEventListener('abort', follow);
  const timer = setTimeout(expire, timeoutMs);
  try {
    return await Promise.race([step(controller.signal), abortOf(controller.signal)]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener('abort', follow);
  }
};

const abortOf = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

const bodyOf = async (response: Response, maxBytes: number): Promise<string> => {
  const body: AsyncIterable<Uint8Array> | null = response.body;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength;
    // Leaving the loop cancels the body, and with it the connection.
    if (bytes > maxBytes) throw new AnswerTooLargeError(maxBytes);
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
};

/** `fetch` hides the reason in a cause, whose message is empty if several addresses were tried. */
const noAnswer = (error: unknown): NoAnswerError => {
  const { message, cause } = (error ?? {}) as { message?: string; cause?: { message?: string; code?: string } };
  const reason = printable(cause?.message || cause?.code || message || 'no reason given');
  return new NoAnswerError(reason, UNREACHED.has(cause?.code ?? ''));
};
