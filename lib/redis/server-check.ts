import type { RedisClient } from '../interfaces/connection.js';

const MIN_VERSION = [6, 2] as const;

/** What a Redis server says of itself, as far as this transport depends on it. */
export interface ServerReport {
  /** Why it cannot be used at all. */
  readonly unfit: string | undefined;
  /** What it may lose, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Looks at the settings without which nothing here can hold its promises. Uses INFO only: CONFIG is forbidden on most
 * managed servers. A user without the right to INFO is told what was not looked at.
 */
export async function inspectServer(client: RedisClient): Promise<ServerReport> {
  let info: ReadonlyMap<string, string>;
  try {
    info = parseInfo(await client.info());
  } catch {
    return {
      unfit: undefined,
      warnings: ['INFO is not permitted, so maxmemory-policy and persistence were not checked.'],
    };
  }
  return reportOf(info);
}

/** @internal */
export function reportOf(info: ReadonlyMap<string, string>): ServerReport {
  const warnings: string[] = [];
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `maxmemory-policy is "${policy}": under memory pressure Redis deletes whole streams with what was not handled. Set it to "noeviction".`,
    );
  }
  if (info.get('aof_enabled') === '0') {
    warnings.push(
      'appendonly is off: what Redis took since its last snapshot is lost when it stops. Set "appendonly yes".',
    );
  }
  return { unfit: unfitness(info.get('redis_version')), warnings };
}

function unfitness(version: string | undefined): string | undefined {
  const [major, minor] = (version ?? '').split('.').map(Number);
  if (major === undefined || minor === undefined || Number.isNaN(major)) return undefined;
  const isOld = major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1]);
  return isOld ? `Redis ${version} is too old: ${MIN_VERSION.join('.')} or newer is needed` : undefined;
}

/** @internal */
export function parseInfo(text: string): Map<string, string> {
  const pairs = text.split('\n').map((line) => line.trim().split(':'));
  return new Map(pairs.flatMap(([name, ...value]) => (name && value.length > 0 ? [[name, value.join(':')]] : [])));
}
