const ANSWER_WITHIN_MS = 15_000;

/** A request that failed, with the server's answer; `status` is 0 if there was none. The message is a sentence. */
export class Refusal extends Error {
  constructor(status, body, message) {
    super(sentence(typeof body.message === 'string' ? body.message : message));
    this.status = status;
    this.body = body;
  }
}

export const get = (path) => ask(path, {});

export const post = (path, body = {}, headers = {}) =>
  ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

export const remove = (path) => ask(path, { method: 'DELETE' });

async function ask(path, options) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch((error) => {
    const isLate = error.name === 'TimeoutError';
    throw new Refusal(0, {}, isLate ? 'The server did not answer in time' : 'The server cannot be reached');
  });
  const body = (await response.json().catch(() => null)) ?? {};
  if (!response.ok) throw new Refusal(response.status, body, `The server answered with status ${response.status}`);
  return body;
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);
