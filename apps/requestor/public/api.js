const ANSWER_WITHIN_MS = 15_000;

/** A request that failed, with the server's answer; `status` is 0 if the server could not be reached. */
export class Refusal extends Error {
  constructor(status, body) {
    super(body.message ?? 'The server cannot be reached');
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

async function ask(path, options) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).catch(() => {
    throw new Refusal(0, {});
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(response.status, body);
  return body;
}
