import { createHash } from 'node:crypto';

/** A Lua script with the SHA-1 under which the server caches it. */
export interface Script {
  readonly body: string;
  readonly sha: string;
}

export const script = (body: string): Script => ({ body, sha: createHash('sha1').update(body).digest('hex') });
