import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { listedMail } from './listed-mail.js';
import { MAX_KEPT_MAILS } from './mailbox.js';
import type { Mailbox } from './mailbox.js';
import { page } from './page.js';

const DEFAULT_LIMIT = 50;
/** Content of a mail must not run or load anything, even if it gets past the escaping. */
const HTML_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
};
const JSON_HEADERS = { 'content-type': 'application/json' };

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The HTTP interface of the sink: an HTML page, and the same data as JSON. */
export const createPageServer = (mailbox: Mailbox): Server => {
  const route = ({ method, url = '/' }: IncomingMessage): Answer => {
    const { pathname, searchParams } = new URL(url, 'http://sink');
    switch (`${method} ${pathname}`) {
      case 'GET /':
        return { status: 200, headers: HTML_HEADERS, body: page(mailbox.stats, list(DEFAULT_LIMIT)) };
      case 'GET /mails':
        return mails(searchParams.get('limit') ?? String(DEFAULT_LIMIT));
      case 'GET /stats':
        return json(200, mailbox.stats);
      case 'GET /health':
        return json(200, { mode: 'health', status: 'up' });
      default:
        return json(404, { error: 'Not found. Routes: GET /, GET /mails, GET /stats and GET /health' });
    }
  };

  const mails = (limit: string): Answer => {
    const isWithin = /^\d+$/.test(limit) && Number(limit) >= 1 && Number(limit) <= MAX_KEPT_MAILS;
    return isWithin
      ? json(200, list(Number(limit)))
      : json(400, { error: `limit must be a whole number from 1 to ${MAX_KEPT_MAILS}` });
  };

  const list = (limit: number): ReturnType<typeof listedMail>[] => mailbox.last(limit).map(listedMail);

  return createServer((request, response) => {
    try {
      respond(response, route(request));
    } catch {
      respond(response, json(400, { error: 'The request could not be read' }));
    }
  });
};

const json = (status: number, body: unknown): Answer => ({ status, headers: JSON_HEADERS, body: JSON.stringify(body) });

const respond = (response: ServerResponse, { status, headers, body }: Answer): void => {
  response.writeHead(status, headers).end(body);
};
