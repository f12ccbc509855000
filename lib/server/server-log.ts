import type { Logger } from '@nestjs/common';
import type { ServerSettings } from '../options/settings.js';
import type { ServerEventEmitter } from './holding/server-events.js';
import type { GroupStream } from './holding/group-stream.js';

/** What a server says of its entries in the log: debug lines with stream, id and attempt, never a payload. */
export function logEvents(events: ServerEventEmitter, logger: Logger): void {
  const at = ({ id, stream, group }: { id: string; stream: string; group: string }): string =>
    `Entry ${id} of "${stream}" (group "${group}")`;
  events.on('retried', (entry) =>
    logger.debug(`${at(entry)} failed in attempt ${entry.attempt} and runs again in ${entry.delayMs} ms`),
  );
  events.on('reclaimed', (entry) =>
    logger.debug(`${at(entry)} was taken over from "${entry.from}" for attempt ${entry.attempt}`),
  );
  events.on('entryLost', (entry) => logger.debug(`${at(entry)} was deleted before it was settled`));
  events.on('leaseLost', (entry) => logger.debug(`${at(entry)} is owned by another consumer by now`));
  events.on('requestExpired', (entry) => logger.debug(`${at(entry)} was not run: its caller waits no more`));
  events.on('groupRecreated', ({ stream, group }) =>
    logger.warn(`Group "${group}" of "${stream}" was gone and was made anew; it reads what the stream still has`),
  );
  events.on('groupAbandoned', ({ stream, group, lag }) =>
    logger.warn(
      `No consumer seems to read group "${group}" of "${stream}", which holds back ${lag} entries. Destroy it (XGROUP DESTROY), or set \`groupTtl\` where it is read.`,
    ),
  );
}

/** One line for each group: what it reads, and by which rules. */
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

/** Those that its handlers share, if some do, and those that handlers have of their own. */
function slotsOf(streams: readonly GroupStream[], shared: number): number[] {
  const own = streams.flatMap(({ route }) => route.settings.concurrency ?? []);
  return own.length < streams.length ? [shared, ...own] : own;
}
