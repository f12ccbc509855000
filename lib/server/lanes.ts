import type { GroupStream } from './holding/group-stream.js';
import { ConcurrencyGate } from './running/concurrency-gate.js';
import type { RunParts } from './running/entry-run.js';
import { Lane } from './running/lane.js';

/** The lane of each group stream. */
export const lanesByStream = (lanes: readonly Lane[]): ReadonlyMap<GroupStream, Lane> =>
  new Map(lanes.flatMap((lane) => lane.streams.map((groupStream) => [groupStream, lane])));

/** One lane per group, plus one for each handler with its own `concurrency`. */
export function makeLanes(streams: readonly GroupStream[], concurrency: number, parts: RunParts): Lane[] {
  const shared = new Map<string, GroupStream[]>();
  const own: Lane[] = [];
  for (const groupStream of streams) {
    const { group, route } = groupStream;
    const slots = route.settings.concurrency;
    const together = shared.get(group);
    if (slots !== undefined) own.push(new Lane(group, [groupStream], new ConcurrencyGate(slots), parts));
    else if (together) together.push(groupStream);
    else shared.set(group, [groupStream]);
  }
  const lanes = [...shared].map(
    ([group, groupStreams]) => new Lane(group, groupStreams, new ConcurrencyGate(concurrency), parts),
  );
  return [...lanes, ...own];
}
