import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { Outbox } from './outbox.js';
import type { ProviderSettings } from './settings.js';

const MAX_BODY_BYTES = 65_536;

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The HTTP API of a paid SMS gateway: `POST /send`, and `GET /sent` to inspect what it has sent. */
export const createProvider = (settings: ProviderSettings): Server => {
  const outbox = new Outbox(settings.journal);
  let calls = 0;

  const send = async (request: IncomingMessage): Promise<Answer> => {
    calls += 1;
    const body = await readBody(request);
    if (settings.latencyMs > 0) await delay(settings.latencyMs);
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string' || key === '') return refuse(400, 'The header Idempotency-Key is missing');
    const message = parseMessage(body);
    if (!message) return refuse(400, 'Expected JSON {number, text}');
    if (settings.failNumbers.has(message.number)) return refuse(422, `${message.number} cannot receive SMS`);
    if (Math.random() < settings.failRate) return refuse(503, 'Temporarily unavailable, try again');
    return { status: 200, body: { id: outbox.send(key, message.number, message.text).id } };
  };

  const route = (request: IncomingMessage): Answer | Promise<Answer> => {
    switch (`${request.method} ${request.url?.split('?')[0]}`) {
      case 'POST /send':
        return send(request);
      case 'GET /sent':
        return { status: 200, body: { calls, unique: outbox.unique, messages: outbox.messages } };
      case 'GET /health':
        return { status: 200, body: { mode: 'health', status: 'up' } };
      default:
        return refuse(404, 'Not found. Routes: POST /send, GET /sent and GET /health');
    }
  };

  return createServer((request, response) => {
    Promise.resolve()
      .then(() => route(request))
      .catch(() => refuse(400, 'The request could not be read'))
      .then((answer) => respond(response, answer))
      .catch(() => response.destroy());
  });
};

const refuse = (status: number, error: string): Answer => ({ status, body: { error } });

const respond = (response: ServerResponse, { status, body }: Answer): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('The body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
};

const parseMessage = (body: string): { number: string; text: string } | undefined => {
  try {
    const { number, text } = JSON.parse(body) as Record<string, unknown>;
    return typeof number === 'string' && typeof text === 'string' ? { number, text } : undefined;
  } catch {
    return undefined;
  }
};
