import { Controller, Inject } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { Observable } from 'rxjs';
import { of } from 'rxjs';
import { STREAM_ECHO, STREAM_NOTE, STREAM_TALLY } from '#contracts';
import type { DemoReply } from '#contracts';
import { RedisStore } from '#store';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';

const TALLY_KEY = '{stream-demo}:tally';

/** Handlers in the style of an app for an earlier transporter of this shape: a reply is `of(value)`. */
@Controller()
export class StreamController {
  constructor(
    @Inject(SETTINGS) private readonly settings: ResponderSettings,
    private readonly store: RedisStore,
  ) {}

  @MessagePattern(STREAM_ECHO)
  echo(@Payload() payload: unknown): Observable<DemoReply> {
    return of({ instance: this.settings.instance, payload });
  }

  @EventPattern(STREAM_NOTE)
  async note(@Payload() _payload: unknown): Promise<void> {
    await this.store.increment(TALLY_KEY, this.settings.instance);
  }

  @MessagePattern(STREAM_TALLY)
  async tally(): Promise<Record<string, number>> {
    const counts = Object.entries(await this.store.hash(TALLY_KEY));
    return Object.fromEntries(counts.map(([instance, count]) => [instance, Number(count)]));
  }
}
