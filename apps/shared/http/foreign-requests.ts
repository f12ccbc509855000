import { HttpException, Injectable, MethodNotAllowedException } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import { FOREIGN, isForeign, refusalOf } from './request-rules.js';
import type { Refusal, RequestFacts } from './request-rules.js';

type Middleware = (request: IncomingMessage, response: unknown, next: (error?: HttpException) => void) => void;

/** Middleware that refuses requests of other sites before their bodies are read. */
export const refuseForeignRequests = (hosts: readonly string[]): Middleware => {
  const names = new Set(hosts.map(asInUrl));
  return (request, _response, next) => {
    const refusal = refusalOf(factsOf(request), names);
    next(refusal && exceptionOf(refusal));
  };
};

/**
 * For a GET that changes state: refuses other sites, and HEAD, which the router gives to the handler of a GET. A guard,
 * since a router accepts more spellings of a path than a middleware expects.
 */
@Injectable()
export class OwnSiteGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<IncomingMessage>();
    if (isForeign(factsOf(request))) throw exceptionOf(FOREIGN);
    if (request.method === 'GET') return true;
    http.getResponse<ServerResponse>().setHeader('Allow', 'GET');
    throw new MethodNotAllowedException('This route changes something, so it takes GET alone');
  }
}

const factsOf = ({ method = '', headers }: IncomingMessage): RequestFacts => ({
  method,
  host: headers.host,
  origin: headers.origin,
  fetchSite: single(headers['sec-fetch-site']),
  contentType: headers['content-type'],
  hasBody: headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0,
});

/** Node joins a repeated header, so that it equals no allowed value. */
const single = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(', ') : value;

const asInUrl = (host: string): string => (isIPv6(host) ? `[${host}]` : host).toLowerCase();

const exceptionOf = ({ status, message }: Refusal): HttpException => new HttpException(message, status);
