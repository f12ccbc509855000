import { HttpStatus } from '@nestjs/common';

/** What the decision about a request depends on; headers that it does not have are undefined. */
export interface RequestFacts {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`: how the page that sends the request relates to this server, according to the browser. */
  readonly fetchSite: string | undefined;
  readonly contentType: string | undefined;
  readonly hasBody: boolean;
}

export interface Refusal {
  readonly status: HttpStatus;
  readonly message: string;
}

/** Must not change state; a route that does nevertheless has a guard of its own. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);
/** `none`: the user entered the address. Other ports of this host are other applications, and count as `same-site`. */
const OWN_SITES = new Set(['same-origin', 'none']);
const JSON_TYPE = /^application\/json\s*(;|$)/i;
const AUTHORITY = /^(\[[\d:.a-f]+\]|[\w.-]+)(:\d{1,5})?$/i;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export const FOREIGN: Refusal = {
  status: HttpStatus.FORBIDDEN,
  message: 'Pages of other sites may not change anything here',
};

/**
 * Refuses what a browser sends on behalf of a page of another site. Such a page can send forms and plain text to any
 * address, and by DNS rebinding it can make its own name resolve to this server. Programs send neither `Origin` nor
 * `Sec-Fetch-Site`, and are not affected.
 * @param names host names and addresses of this server, besides those of loopback, as in a URL and in lower case
 */
export const refusalOf = (request: RequestFacts, names: ReadonlySet<string>): Refusal | undefined => {
  const { method, host, contentType, hasBody } = request;
  if (!isOwnHost(host, names)) {
    return {
      status: HttpStatus.MISDIRECTED,
      message: 'The Host header names a host that this server does not serve; the setting ALLOWED_HOSTS adds hosts',
    };
  }
  if (SAFE_METHODS.has(method)) return undefined;
  if (isForeign(request)) return FOREIGN;
  // A content type without a body is one that a form sends.
  const isJson = contentType === undefined ? !hasBody : JSON_TYPE.test(contentType);
  if (isJson) return undefined;
  return { status: HttpStatus.UNSUPPORTED_MEDIA_TYPE, message: 'The Content-Type of a body must be application/json' };
};

/** Whether a page of another site sends the request. An opaque origin, `null`, is another site. */
export const isForeign = ({ host, origin, fetchSite }: RequestFacts): boolean => {
  if (fetchSite !== undefined && !OWN_SITES.has(fetchSite)) return true;
  if (origin === undefined) return false;
  const authority = authorityOf(origin);
  return authority === undefined || authority !== authorityOf(`http://${host}`);
};

const isOwnHost = (host: string | undefined, names: ReadonlySet<string>): boolean => {
  const name = AUTHORITY.exec(host ?? '')?.[1]?.toLowerCase();
  return name !== undefined && (LOOPBACK.test(name) || names.has(name));
};

/** Host and port, without the default port of the scheme; undefined for what is not a URL. */
const authorityOf = (url: string): string | undefined => (URL.canParse(url) ? new URL(url).host : undefined);
