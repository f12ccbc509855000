import type { RunningRedis } from '../../scripts/redis-server.js';

/** A project outside the repository that uses the packed library. */
export interface Consumer {
  readonly name: string;
  /** Creates the project, with packages of its own and the library from this tarball. */
  install(tarball: string): Promise<void>;
  /** Runs the project against this Redis. Returns one line per check, each `ok …` or `not ok …`. */
  check(redis: RunningRedis): Promise<readonly string[]>;
}
