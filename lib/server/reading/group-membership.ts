import type { Connection } from '../../redis/connection.js';
import { classify, withoutArguments } from '../../redis/reply-error.js';
import { createGroup } from '../../redis/stream-commands.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { ServerEventEmitter } from '../holding/server-events.js';
import type { ThrottledLog } from '../throttled-log.js';

const FIRST_REFUSAL_MS = 500;

export interface MembershipParts {
  readonly streams: readonly GroupStream[];
  readonly connection: Connection;
  readonly events: ServerEventEmitter;
  readonly log: ThrottledLog;
}

/** Creates the groups of a reader where they are missing. */
export class GroupMembership {
  /** Consecutive refusals of each stream by Redis. */
  private readonly refusals = new Map<GroupStream, number>();

  constructor(
    private readonly parts: MembershipParts,
    /** Longest pause of a stream that Redis keeps refusing; the first pauses are shorter. */
    private readonly unusableMs: number,
  ) {}

  /** Creates the groups that are missing. @throws {Error} when Redis refuses one of them */
  async join(): Promise<void> {
    await this.parts.connection.ready();
    await Promise.all(this.parts.streams.map((groupStream) => this.create(groupStream)));
  }

  /** Like `join`, for a running reader: a stream that Redis refuses is paused for a while, and the others go on. */
  async rejoin(): Promise<void> {
    const { connection, streams, events } = this.parts;
    await connection.ready();
    await Promise.all(
      streams.map(async (groupStream) => {
        const { stream, group } = groupStream;
        try {
          if (await this.create(groupStream)) events.emit('groupRecreated', { stream, group });
        } catch (error) {
          this.refused(groupStream, error as Error);
        }
      }),
    );
  }

  private async create(groupStream: GroupStream): Promise<boolean> {
    const { stream, group, startFrom } = groupStream;
    try {
      const isNew = await createGroup(this.parts.connection.client, stream, group, startFrom);
      groupStream.joined();
      this.refusals.delete(groupStream);
      return isNew;
    } catch (error) {
      throw withoutArguments(error);
    }
  }

  private refused(groupStream: GroupStream, error: Error): void {
    const kind = classify(error);
    if (kind !== 'reject' && kind !== 'fatal') throw error;
    const { stream, group } = groupStream;
    const refusals = this.refusals.get(groupStream) ?? 0;
    this.refusals.set(groupStream, refusals + 1);
    groupStream.refusedFor(Math.min(this.unusableMs, FIRST_REFUSAL_MS * 2 ** refusals));
    this.parts.log.warn(`join ${group} ${stream}`, `The stream "${stream}" cannot be read: ${error.message}`);
    this.parts.events.emit('streamUnusable', { stream, group, reason: error.message });
  }
}
