import { isForeign, refusalOf } from '../../../apps/shared/http/request-rules.js';
import type { RequestFacts } from '../../../apps/shared/http/request-rules.js';

const NAMES = new Set(['gateway.test', '10.0.0.5', '[fd00::5]']);
/** A program's POST of JSON. */
const POST: RequestFacts = {
  method: 'POST',
  host: '127.0.0.1:3081',
  origin: undefined,
  fetchSite: undefined,
  contentType: 'application/json',
  hasBody: true,
};

const statusOf = (change: Partial<RequestFacts>): number | undefined =>
  refusalOf({ ...POST, ...change }, NAMES)?.status;

describe('the rules for requests', () => {
  it.each([
    '127.0.0.1:3081',
    '127.1.2.3',
    'localhost',
    'LOCALHOST:80',
    '[::1]:3081',
    'gateway.test',
    'Gateway.Test:3081',
    '10.0.0.5',
    '[fd00::5]:3081',
  ])('allow the host %s', (host) => {
    expect(statusOf({ host })).toBeUndefined();
  });

  it.each([
    undefined,
    '',
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    'evil.example/127.0.0.1',
    'evil.example, localhost',
    'sub.gateway.test',
    'gateway.test.',
    '10.0.0.6',
    '[::2]',
    'localhost:port',
    ':3081',
  ])('answer 421 to the host %j, even if the request only reads', (host) => {
    expect(statusOf({ host })).toBe(421);
    expect(statusOf({ host, method: 'GET' })).toBe(421);
  });

  it.each<Partial<RequestFacts>>([
    {},
    { fetchSite: 'same-origin' },
    { fetchSite: 'none' },
    { origin: 'http://127.0.0.1:3081', fetchSite: 'same-origin' },
    { host: 'gateway.test', origin: 'https://gateway.test' },
    { host: 'gateway.test:80', origin: 'http://gateway.test' },
    { host: 'Gateway.Test', origin: 'http://gateway.test' },
  ])('allow a change by %j', (change) => {
    expect(statusOf(change)).toBeUndefined();
  });

  it.each<Partial<RequestFacts>>([
    { fetchSite: 'cross-site' },
    { fetchSite: 'same-site' },
    { fetchSite: 'unheard-of' },
    { fetchSite: '' },
    { fetchSite: 'same-origin', origin: 'http://evil.example' },
    { origin: 'http://evil.example' },
    { origin: 'http://evil.example:3081' },
    { origin: 'http://127.0.0.1:3082' },
    { origin: 'http://127.0.0.1' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'null', host: '127.0.0.1:99999' },
  ])('answer 403 to a change by %j, whatever its type', (change) => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'TRACE']) expect(statusOf({ ...change, method })).toBe(403);
    expect(statusOf({ ...change, contentType: 'text/plain' })).toBe(403);
  });

  it.each<[string | undefined, boolean]>([
    ['application/x-www-form-urlencoded', true],
    ['application/x-www-form-urlencoded', false],
    ['multipart/form-data; boundary=x', true],
    ['text/plain', true],
    ['text/plain; charset=application/json', true],
    ['application/jsonp', true],
    ['application/problem+json', true],
    ['', true],
    [undefined, true],
  ])('answer 415 to a change of the type %j', (contentType, hasBody) => {
    expect(statusOf({ contentType, hasBody })).toBe(415);
  });

  it.each<[string | undefined, boolean]>([
    ['application/json', true],
    ['application/json', false],
    ['Application/JSON;charset=utf-8', true],
    ['application/json ; charset=utf-8', true],
    [undefined, false],
  ])('allow a change of the type %j', (contentType, hasBody) => {
    expect(statusOf({ contentType, hasBody })).toBeUndefined();
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])('let every site send a %s, which changes nothing', (method) => {
    const request = { method, origin: 'http://evil.example', fetchSite: 'cross-site', contentType: 'text/plain' };
    expect(statusOf(request)).toBeUndefined();
    expect(isForeign({ ...POST, ...request })).toBe(true);
  });
});
