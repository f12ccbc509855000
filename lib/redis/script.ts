import { createHash } from 'node:crypto';

/** Lua with the name under which the server keeps it. */
export interface Script {
  readonly body: string;
  readonly sha: string;
}

export const script = (body: string): Script => ({ body, sha: createHash('sha1').update(body).digest('hex') });
