import type { Logger } from '@nestjs/common';
import type { ServerSettings } from '../options/settings.js';
import type { ServerEventEmitter } from './holding/server-events.js';
import type { GroupStream } from './holding/group-stream.js';

/** Logs server events: debug lines about entries (stream, id and attempt, never a payload), warnings about groups. */
export function logEvents(events: ServerEventEmitter, logger: Logger): void {
  const at = ({ id, stream, group }: { id: string; stream: string; group: string }): string =>
    `Entry ${id} of "${stream}" (group "${group}")`;
  events.on('retried', (entry) =>
    logger.debug(`${at(entry)} failed on attempt ${entry.attempt} and runs again in ${entry.delayMs} ms`),
  );
  events.on('reclaimed', (entry) =>
    logger.debug(`${at(entry)} was taken over from "${entry.from}" for attempt ${entry.attempt}`),
  );
  events.on('entryLost', (entry) => logger.debug(`${at(entry)} was deleted before it was settled`));
  events.on('leaseLost', (entry) => logger.debug(`${at(entry)} lost its lease: another consumer owns it now`));
  events.on('requestExpired', (entry) => logger.debug(`${at(entry)} was not run: its caller no longer waits`));
  events.on('groupRecreated', ({ stream, group }) =>
    logger.warn(`Group "${group}" of "${stream}" was lost and created again; it reads the stream from its start`),
  );
  events.on('groupAbandoned', ({ stream, group, lag }) =>
    logger.warn(
      `No consumer seems to read group "${group}" of "${stream}", which keeps ${lag} entries from being trimmed. Destroy the group (XGROUP DESTROY), or set \`groupTtl\` on the servers that read it.`,
    ),
  );
}

/** One line per group: the number of its streams, its consumer, concurrency and lease. */
export function describeGroups(streams: readonly GroupStream[], settings: ServerSettings): string[] {
  const byGroup = new Map<string, GroupStream[]>();
  for (const groupStream of streams) {
    const others = byGroup.get(groupStream.group);
    if (others) others.push(groupStream);
    else byGroup.set(groupStream.group, [groupStream]);
  }
  return [...byGroup].map(([group, its]) => {
    const reads = its.length === 1 ? '1 stream' : `${its.length} streams`;
    const slots = slotsOf(its, settings.concurrency).join(' + ');
    return `Group "${group}" reads ${reads} as "${settings.consumer}": concurrency ${slots}, lease ${settings.leaseMs} ms`;
  });
}

/** The shared slots, if any handler shares them, then the slots of each handler with its own `concurrency`. */
function slotsOf(streams: readonly GroupStream[], shared: number): number[] {
  const own = streams.flatMap(({ route }) => route.settings.concurrency ?? []);
  return own.length < streams.length ? [shared, ...own] : own;
}
