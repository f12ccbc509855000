import type { Redis } from 'ioredis';
import type { RedisClient } from '../interfaces/connection.js';
import { within } from '../timing/within.js';
import { mastersOf } from './nodes.js';

/** A master that hangs is not waited for: its settings are checked at the next start. */
const ANSWER_TIMEOUT_MS = 2_000;
const MIN_VERSION = [6, 2] as const;

const UNCHECKED: ServerReport = {
  unfit: undefined,
  warnings: ['INFO is not permitted, so maxmemory-policy and persistence were not checked.'],
};

/** The state of a Redis server, as far as this transport depends on it. */
export interface ServerReport {
  /** Why it cannot be used at all; undefined if it can. */
  readonly unfit: string | undefined;
  /** Settings by which it may lose data, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Checks the settings on which all promises depend, in a cluster those of each master that answers. Uses INFO only: most
 * managed servers forbid CONFIG. Without the permission for INFO, a warning says what was not checked.
 */
export async function inspectServer(client: RedisClient): Promise<ServerReport> {
  const reports = await Promise.all(mastersOf(client).map(inspect));
  return {
    unfit: reports.find(({ unfit }) => unfit)?.unfit,
    warnings: [...new Set(reports.flatMap(({ warnings }) => warnings))],
  };
}

async function inspect(master: Redis): Promise<ServerReport> {
  const info = master.info().then(
    (text) => reportOf(parseInfo(text)),
    () => UNCHECKED,
  );
  return (await within(ANSWER_TIMEOUT_MS, info)) ?? { unfit: undefined, warnings: [] };
}

/** @internal */
export function reportOf(info: ReadonlyMap<string, string>): ServerReport {
  const warnings: string[] = [];
  const policy = info.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `maxmemory-policy is "${policy}": under memory pressure Redis deletes whole streams, including entries that were not handled. Set it to "noeviction".`,
    );
  }
  if (info.get('aof_enabled') === '0') {
    warnings.push(
      'appendonly is off: everything written since the last snapshot is lost when Redis stops. Set "appendonly yes".',
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
