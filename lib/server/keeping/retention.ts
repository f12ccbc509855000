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

/** Redis trims whole nodes of a stream, about this many entries each, so trimming more often removes nothing. */
const SETTLED_PER_TRIM = 100;
const NO_SHAPES =
  'The Redis user has no access to the `…:shape` keys: `groupTtl` and the retention settings of other groups have no effect. Grant it read and write access to these keys.';
/** Multiple of `maxLength`: `groupAbandoned` is emitted for an unread group that holds back more entries. */
const MUCH = 10;
const DECLARE_EVERY_MS = 60_000;

/** A field of the shape; no value stands for the default. */
type Wish = readonly [field: string, value: string | undefined];

export interface RetentionParts {
  readonly writer: Connection;
  readonly clock: RedisClock;
  readonly events: ServerEventEmitter;
  readonly info: (message: string) => void;
}

export type RetentionSettings = Pick<ServerSettings, 'retention' | 'consumerTtlMs' | 'sweepIntervalMs' | 'groupTtlMs'>;

/**
 * Housekeeping: trims entries that every group has settled, removes idle consumers that have nothing pending.
 *
 * Retention belongs to the stream, not to the server that trims it: each group writes its settings into the shape of
 * the stream where they differ from the default, and the largest ones count.
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
    // Redis may lack the memory for the declaration. Trimming frees some.
    await this.declare(groupStream).catch(() => undefined);
    await this.trim(groupStream);
    await this.retire(groupStream);
  }

  /** Writes what this group asks for. A default only removes what an earlier release of the application wrote. */
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

  /** Once for defaults; anything else again and again, because the shape may be lost. */
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
    // A larger excess is more than the rest of a node: entries that some group has not settled yet hold it back.
    if (excess < SETTLED_PER_TRIM) this.overlong.delete(groupStream);
    for (const group of holding) this.tell(groupStream, group);
  }

  private async trimmed(groupStream: GroupStream): ReturnType<typeof trimSettled> {
    const { client } = this.parts.writer;
    return this.withShape(groupStream, (shape) => trimSettled(client, groupStream, this.ruleFor(groupStream, shape)));
  }

  /**
   * Without access to the shape, the settings of this group apply to all groups. With access, but until they are
   * declared, they apply to all groups that have declared nothing, unless the default is larger.
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

  /** A Redis user set up for an older release has no access to the shape; its server goes on without. */
  private async tolerating<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (classify(error) !== 'fatal' || replyCode((error as Error).message) !== 'NOPERM') throw error;
      this.hasShapes = false;
      return undefined;
    }
  }

  /** Once per group: an operator who missed the first line would miss the second one, too. */
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

  /** Removes this consumer from the group if it has nothing pending. */
  async leave(groupStream: GroupStream): Promise<void> {
    await this.withShape(groupStream, (shape) => retireConsumer(this.parts.writer.client, groupStream, shape));
  }

  private async withShape<T>({ shape }: GroupStream, work: (shape: string | undefined) => Promise<T>): Promise<T> {
    const result = this.hasShapes ? await this.tolerating(() => work(shape)) : undefined;
    return result ?? work(undefined);
  }
}
