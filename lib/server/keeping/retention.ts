import { DEFAULT_RETENTION } from '../../options/retention.js';
import type { ServerSettings } from '../../options/settings.js';
import type { Connection } from '../../redis/connection.js';
import type { RedisClock } from '../../redis/redis-clock.js';
import { classify, replyCode } from '../../redis/reply-error.js';
import { retireConsumer, retireIdleConsumers, trimSettled } from '../../redis/scripts.js';
import type { HoldingGroup, TrimRule } from '../../redis/scripts.js';
import { Periodic } from '../../timing/periodic.js';
import type { GroupStream } from '../holding/group-stream.js';
import type { ServerEventEmitter } from '../holding/server-events.js';

/** Streams are trimmed in whole nodes of about this many entries, so looking more often finds nothing. */
const SETTLED_PER_TRIM = 100;
const NO_SHAPES =
  'The Redis user has no right to the keys `…:shape`: `groupTtl`, and the retention that other groups ask for, do not count.';
/** Times the retention: a group that holds back more than this, and is not read, is told of. */
const MUCH = 10;

const DECLARE_EVERY_MS = 60_000;

/** Field of the shape; undefined where the default is wanted. */
type Wish = readonly [field: string, value: string | undefined];

export interface RetentionParts {
  readonly writer: Connection;
  readonly clock: RedisClock;
  readonly events: ServerEventEmitter;
  readonly info: (message: string) => void;
}

export type RetentionSettings = Pick<ServerSettings, 'retention' | 'consumerTtlMs' | 'sweepIntervalMs' | 'groupTtlMs'>;

/**
 * Housekeeping: trims what every group has settled, retires consumers that left nothing behind.
 *
 * What is kept belongs to the stream and not to whoever trims it: each group writes what it asks for into the shape of the
 * stream, where it differs from the default, and the largest wish counts.
 */
export class Retention {
  private readonly rounds: Periodic<GroupStream>;
  private readonly clockRounds: Periodic<RedisClock>;
  private readonly overlong = new Set<GroupStream>();
  private readonly declaredAt = new Map<GroupStream, number>();
  private readonly retiredAt = new Map<GroupStream, number>();
  private readonly told = new Set<string>();
  private hasShapes = true;

  constructor(
    streams: readonly GroupStream[],
    private readonly parts: RetentionParts,
    private readonly settings: RetentionSettings,
  ) {
    const { writer, clock } = parts;
    const everyMs = settings.sweepIntervalMs;
    const isPossible = (): boolean => writer.isReady;
    this.rounds = new Periodic({
      everyMs,
      isPossible,
      targets: () => streams,
      task: (groupStream) => this.keep(groupStream),
    });
    this.clockRounds = new Periodic({
      everyMs,
      isPossible,
      targets: () => [clock],
      task: () => clock.synchronise(writer.client),
    });
  }

  start(): void {
    const now = performance.now();
    for (const groupStream of this.rounds.targets()) this.retiredAt.set(groupStream, now);
    this.rounds.start();
    this.rounds.turn();
    this.clockRounds.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.rounds.stop(), this.clockRounds.stop()]);
  }

  private async keep(groupStream: GroupStream): Promise<void> {
    // Redis may have no memory for what is to be declared. Trimming gives it some.
    await this.declare(groupStream).catch(() => undefined);
    await this.trim(groupStream);
    await this.retire(groupStream);
  }

  /** Says what this group asks for. Where that is the default, only what an earlier release of the app has said goes. */
  private async declare(groupStream: GroupStream): Promise<void> {
    const wishes = this.wishesOf(groupStream);
    if (!this.hasShapes || !this.isToBeDeclared(groupStream, wishes)) return;
    const { client } = this.parts.writer;
    const set = wishes.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
    const unset = wishes.flatMap(([name, value]) => (value === undefined ? [name] : []));
    const isDone = await this.tolerating(async () => {
      if (set.length > 0) await client.hset(groupStream.shape, ...set);
      if (unset.length > 0) await client.hdel(groupStream.shape, ...unset);
      return true;
    });
    this.declaredAt.set(groupStream, performance.now());
    if (!isDone && set.length > 0) this.parts.info(NO_SHAPES);
  }

  /** Once; what is not the default again and again, for the shape may be lost. */
  private isToBeDeclared(groupStream: GroupStream, wishes: readonly Wish[]): boolean {
    const declaredAt = this.declaredAt.get(groupStream);
    if (declaredAt === undefined) return true;
    return wishes.some(([, value]) => value !== undefined) && performance.now() - declaredAt > DECLARE_EVERY_MS;
  }

  private wishesOf({ group }: GroupStream): readonly Wish[] {
    const { retention, groupTtlMs } = this.settings;
    const { maxLength, maxAgeMs } = retention;
    const isDefault = maxLength === DEFAULT_RETENTION.maxLength && maxAgeMs === undefined;
    const keep = maxAgeMs === undefined ? String(maxLength) : `${maxLength} ${maxAgeMs}`;
    return [
      [`keep:${group}`, isDefault ? undefined : keep],
      [`ttl:${group}`, groupTtlMs === 0 ? undefined : String(groupTtlMs)],
    ];
  }

  private async trim(groupStream: GroupStream): Promise<void> {
    const { maxAgeMs } = this.settings.retention;
    const isDue = maxAgeMs !== undefined || this.overlong.has(groupStream);
    if (!isDue && groupStream.settledSinceTrim < SETTLED_PER_TRIM) return;
    groupStream.takeSettledCount();
    this.overlong.add(groupStream);
    const { excess, holding } = await this.trimmed(groupStream);
    // More than the rest of a node was held back by what some group has not settled yet.
    if (excess < SETTLED_PER_TRIM) this.overlong.delete(groupStream);
    for (const group of holding) this.tell(groupStream, group);
  }

  private async trimmed(groupStream: GroupStream): ReturnType<typeof trimSettled> {
    const { client } = this.parts.writer;
    return this.withShape(groupStream, (shape) => trimSettled(client, groupStream, this.ruleFor(groupStream, shape)));
  }

  /**
   * Without the shapes, every group is taken to ask for what this one does. As long as its wish could not be declared, it counts
   * for all groups that have declared nothing either, unless the default is larger.
   */
  private ruleFor(groupStream: GroupStream, shape: string | undefined): TrimRule {
    const { maxLength, maxAgeMs } = this.settings.retention;
    const isDeclared = this.declaredAt.has(groupStream);
    const least = isDeclared ? DEFAULT_RETENTION.maxLength : Math.max(DEFAULT_RETENTION.maxLength, maxLength);
    const nowMs = this.parts.clock.now();
    const isOwnRule = shape === undefined && maxAgeMs !== undefined;
    return {
      maxLength: shape === undefined ? maxLength : least,
      oldestId: isOwnRule ? `${Math.max(0, Math.floor(nowMs - maxAgeMs))}-0` : '',
      nowMs,
      muchHeldBack: maxLength * MUCH,
      shape,
    };
  }

  /** Users of older releases have no right to the shapes, and go on as before. */
  private async tolerating<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (classify(error) !== 'fatal' || replyCode((error as Error).message) !== 'NOPERM') throw error;
      this.hasShapes = false;
      return undefined;
    }
  }

  /** Once for each group: whoever has not heard will not hear the second line either. */
  private tell({ stream }: GroupStream, { group, lag }: HoldingGroup): void {
    const key = `${group}\n${stream}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    this.parts.events.emit('groupAbandoned', { stream, group, lag });
  }

  private async retire(groupStream: GroupStream): Promise<void> {
    const { consumerTtlMs } = this.settings;
    const now = performance.now();
    if (now - (this.retiredAt.get(groupStream) ?? 0) < consumerTtlMs / 4) return;
    this.retiredAt.set(groupStream, now);
    const { client } = this.parts.writer;
    const rule = { idleMs: consumerTtlMs, nowMs: this.parts.clock.now() };
    await this.withShape(groupStream, (shape) => retireIdleConsumers(client, groupStream, { ...rule, shape }));
  }

  /** Removes this consumer, where it leaves nothing behind. */
  async leave(groupStream: GroupStream): Promise<void> {
    await this.withShape(groupStream, (shape) => retireConsumer(this.parts.writer.client, groupStream, shape));
  }

  private async withShape<T>({ shape }: GroupStream, work: (shape: string | undefined) => Promise<T>): Promise<T> {
    const result = this.hasShapes ? await this.tolerating(() => work(shape)) : undefined;
    return result ?? work(undefined);
  }
}
