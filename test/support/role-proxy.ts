import { Redis } from 'ioredis';
import { FaultProxy } from './fault-proxy.js';
import type { ServerOptions, Stage } from './stage.js';

type Role = 'reader' | 'writer';

/** A proxy for the connections of one role, and the `connection` option that routes only that role through it. */
export interface RoleLink {
  readonly proxy: FaultProxy;
  readonly connection: ServerOptions['connection'];
}

/** Puts a proxy in front of the connections of one role; the others go straight to Redis. */
export async function linkOf(stage: Stage, role: Role): Promise<RoleLink> {
  const proxy = await FaultProxy.to(stage.redis);
  stage.owns(() => proxy.close());
  const through = { host: proxy.host, port: proxy.port };
  return {
    proxy,
    connection: (safe, asked) => new Redis({ ...safe, ...(asked === role ? through : stage.connection) }),
  };
}
