import type { ServerSettings } from '../../options/settings.js';
import type { ConnectionGroup } from '../../redis/connection-group.js';
import { hashSlot } from '../../topology/keys.js';
import type { GroupStream } from '../holding/group-stream.js';
import { StreamReader } from './stream-reader.js';
import type { ReaderParts } from './stream-reader.js';

export type ReaderSetParts = Omit<ReaderParts, 'streams' | 'connection' | 'sharesSlots'>;

/**
 * The readers of one lane: owns their connections, and decides which of them reads which stream. Outside a cluster
 * there is one reader; in a cluster there is one per hash slot, because a read must not span two.
 */
export class ReaderSet {
  private readonly readers: readonly StreamReader[];

  constructor(
    parts: ReaderSetParts,
    connections: ConnectionGroup,
    private readonly settings: Pick<ServerSettings, 'blockMs' | 'leaseMs'>,
  ) {
    const shares = parts.writer.isCluster ? bySlot(parts.lane.streams) : [parts.lane.streams];
    this.readers = shares.map(
      (streams) =>
        new StreamReader(
          { ...parts, streams, sharesSlots: shares.length > 1, connection: connections.add('reader') },
          settings,
        ),
    );
  }

  /** Resolves when all groups exist. */
  async start(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.start()));
  }

  /** Resolves when no read is in flight. */
  async stop(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.stop(this.settings.blockMs)));
  }
}

function bySlot(streams: readonly GroupStream[]): GroupStream[][] {
  const shares = new Map<number, GroupStream[]>();
  for (const groupStream of streams) {
    const slot = hashSlot(groupStream.stream);
    const share = shares.get(slot);
    if (share) share.push(groupStream);
    else shares.set(slot, [groupStream]);
  }
  return [...shares.values()];
}
