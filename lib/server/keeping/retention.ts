import type { ServerSettings } from '../../options/settings.js';
import type { Connection } from '../../redis/connection.js';
import type { RedisClock } from '../../redis/redis-clock.js';
import { retireIdleConsumers, trimSettled } from '../../redis/scripts.js';
import type { GroupStream } from '../holding/group-stream.js';

/** Streams are trimmed in whole nodes of about this many entries, so looking more often finds nothing. */
const SETTLED_PER_TRIM = 100;

/** Housekeeping: trims what every group has settled, retires consumers that left nothing behind. */
export class Retention {
  private timer: NodeJS.Timeout | undefined;
  private idleConsumersAt = performance.now();
  private isBusy = false;

  constructor(
    private readonly streams: readonly GroupStream[],
    private readonly writer: Connection,
    private readonly clock: RedisClock,
    private readonly settings: Pick<ServerSettings, 'retention' | 'consumerTtlMs' | 'sweepIntervalMs'>,
  ) {}

  start(): void {
    this.timer = setInterval(() => void this.keepHouse(), this.settings.sweepIntervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private async keepHouse(): Promise<void> {
    if (this.isBusy || !this.writer.isReady) return;
    this.isBusy = true;
    try {
      await this.clock.synchronise(this.writer.client).catch(() => undefined);
      for (const groupStream of this.streams) await this.trim(groupStream).catch(() => undefined);
      await this.retire();
    } finally {
      this.isBusy = false;
    }
  }

  private async trim(groupStream: GroupStream): Promise<void> {
    const { maxLength, maxAgeMs } = this.settings.retention;
    if (maxAgeMs === undefined && groupStream.settledSinceTrim < SETTLED_PER_TRIM && !groupStream.isOverlong) return;
    groupStream.settledSinceTrim = 0;
    groupStream.isOverlong = true;
    const oldest = maxAgeMs === undefined ? undefined : `${Math.max(0, Math.floor(this.clock.now() - maxAgeMs))}-0`;
    const excess = await trimSettled(this.writer.client, groupStream.stream, maxLength, oldest);
    // More than the rest of a node was held back by what somebody has not settled yet.
    groupStream.isOverlong = excess >= SETTLED_PER_TRIM;
  }

  private async retire(): Promise<void> {
    const { consumerTtlMs } = this.settings;
    if (performance.now() - this.idleConsumersAt < consumerTtlMs / 4) return;
    this.idleConsumersAt = performance.now();
    for (const groupStream of this.streams)
      await retireIdleConsumers(this.writer.client, groupStream, consumerTtlMs).catch(() => undefined);
  }
}
