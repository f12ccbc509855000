import { Controller, Inject, Injectable, Scope, UseInterceptors } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import { randomUUID } from 'node:crypto';
import { concat, from, of, throwError } from 'rxjs';
import type { Observable } from 'rxjs';
import { map } from 'rxjs/operators';
import { ask, tell } from '../../support/calls.js';
import { deferred } from '../../support/deferred.js';
import { eventually } from '../../support/eventually.js';
import { pendingOf, settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const seen: unknown[] = [];
const FAST = { backoff: { delay: 10, maxDelay: 50 } };
const NOTHINGS: Record<string, unknown> = { null: null, zero: 0, empty: '', false: false, object: {}, array: [] };

@Controller()
class Basic {
  @EventPattern('event')
  event(@Payload() data: unknown): void {
    seen.push(data);
  }

  @EventPattern('returns')
  returns(@Payload() which: string): unknown {
    seen.push(which);
    return which === 'undefined' ? undefined : NOTHINGS[which];
  }
}

/** Fails the first time in every way a handler may fail. */
@Controller()
class Clumsy {
  private readonly met = new Set<string>();

  @EventPattern<string>('clumsy')
  clumsy(@Payload() way: string, @Ctx() ctx: RedisStreamContext): unknown {
    seen.push(`${way} ${ctx.getAttempt()}`);
    if (this.met.has(way)) return way;
    this.met.add(way);
    const error = new Error(way);
    if (way === 'throw') throw error;
    if (way === 'reject') return Promise.reject(error);
    if (way === 'observable') return throwError(() => error);
    return concat(
      of('a value first'),
      throwError(() => error),
    );
  }
}

export const delivery: Topic = (stage) => {
  describe('delivery of events', () => {
    beforeEach(() => {
      seen.length = 0;
    });

    it('includes events that were emitted before the first consumer started', async () => {
      const client = stage.client();
      for (let n = 0; n < 5; n += 1) await tell(client, 'event', n);
      await stage.serve([Basic]);
      await eventually(() => expect(seen).toEqual([0, 1, 2, 3, 4]));
      await settled(stage.at('event'), 'event');
    });

    it("starts with the next event when startFrom is '$'", async () => {
      const client = stage.client();
      await tell(client, 'event', 'before');
      await stage.serve([Basic], { option: { startFrom: '$' } });
      await tell(client, 'event', 'after');
      await eventually(() => expect(seen).toEqual(['after']));
      await settled(stage.at('event'), 'event');
    });

    it('includes the entries of many streams when reading begins', async () => {
      @Controller()
      class Wide {
        @EventPattern(['wide.0', 'wide.1', 'wide.2', 'wide.3', 'wide.4'])
        wide(@Payload() data: unknown): void {
          seen.push(data);
        }
      }
      const client = stage.client();
      const expected: string[] = [];
      for (let stream = 0; stream < 5; stream += 1) {
        for (let n = 0; n < 3; n += 1) {
          await tell(client, `wide.${stream}`, `${stream}/${n}`);
          expected.push(`${stream}/${n}`);
        }
      }
      await stage.serve([Wide]);
      await eventually(() => expect(seen.map(String).sort()).toEqual(expected));
      for (let stream = 0; stream < 5; stream += 1) await settled(stage.at(`wide.${stream}`), `wide.${stream}`);
    });

    it('runs the handler before the ack, also behind an interceptor', async () => {
      const pendingInHandler: number[] = [];

      @Injectable()
      class Wrapping implements NestInterceptor {
        intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
          seen.push('in');
          return next.handle().pipe(map((value: unknown) => value));
        }
      }

      @Controller()
      class Intercepted {
        @EventPattern('intercepted')
        @UseInterceptors(Wrapping)
        async handle(@Payload() _data: unknown): Promise<void> {
          pendingInHandler.push(await pendingOf(stage.at('intercepted'), 'intercepted'));
          seen.push('handled');
        }
      }
      await stage.serve([Intercepted]);
      await tell(stage.client(), 'intercepted', 1);
      await eventually(() => expect(seen).toEqual(['in', 'handled']));
      await settled(stage.at('intercepted'), 'intercepted');
      expect(pendingInHandler).toEqual([1]);
    });

    it('acks an event whatever its handler returns', async () => {
      await stage.serve([Basic]);
      const names = [...Object.keys(NOTHINGS), 'undefined'];
      for (const name of names) await tell(stage.client(), 'returns', name);
      await eventually(() => expect(seen.map(String).sort()).toEqual(names.toSorted()));
      await settled(stage.at('returns'), 'returns');
    });

    it('repeats an event until its handler succeeds, however the handler fails', async () => {
      await stage.serve([Clumsy], { option: FAST });
      const ways = ['throw', 'reject', 'observable', 'late'];
      for (const way of ways) await tell(stage.client(), 'clumsy', way);
      const expected = ways.flatMap((way) => [`${way} 1`, `${way} 2`]).sort();
      await eventually(() => expect(seen.map(String).sort()).toEqual(expected));
      await settled(stage.at('clumsy'), 'clumsy');
      expect(await stage.at('{clumsy}:dead').exists('{clumsy}:dead')).toBe(0);
    });

    it('repeats the whole event when one of several handlers of a group fails', async () => {
      let failures = 1;

      @Controller()
      class Both {
        @EventPattern('shared')
        first(@Payload() _data: unknown): void {
          seen.push('A');
        }

        @EventPattern('shared')
        second(@Payload() _data: unknown): void {
          seen.push('B');
          if (failures-- > 0) throw new Error('B fails once');
        }
      }
      await stage.serve([Both], { option: FAST });
      await tell(stage.client(), 'shared', 1);
      await eventually(() => expect(seen).toEqual(['A', 'B', 'A', 'B']));
      await settled(stage.at('shared'), 'shared');
    });

    it('creates a new instance of request-scoped handlers per event and per request, also with several handlers per event', async () => {
      @Injectable({ scope: Scope.REQUEST })
      class Ticket {
        readonly number = randomUUID();
      }

      @Controller({ scope: Scope.REQUEST })
      class Scoped {
        constructor(@Inject(Ticket) private readonly ticket: Ticket) {}

        @EventPattern<string>('scoped')
        event(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
          seen.push({ data, stream: ctx.getStream(), ticket: this.ticket.number });
        }

        @EventPattern<string>('scoped')
        again(@Payload() data: unknown, @Ctx() ctx: RedisStreamContext): void {
          seen.push({ data, stream: ctx.getStream(), ticket: this.ticket.number });
        }

        @MessagePattern('scoped.ask')
        answer(@Payload() data: unknown): unknown {
          return { data, ticket: this.ticket.number };
        }
      }
      await stage.serve([Scoped], { providers: [Ticket] });
      const client = stage.client();
      for (const n of [1, 2]) await tell(client, 'scoped', n);
      await eventually(() => expect(seen).toHaveLength(4));
      expect(seen).toEqual(
        expect.arrayContaining([1, 2].map((data) => expect.objectContaining({ data, stream: 'scoped' }))),
      );
      await settled(stage.at('scoped'), 'scoped');
      const answers = await Promise.all([1, 2].map((n) => ask<{ ticket: string }>(client, 'scoped.ask', n)));
      expect(new Set(answers.map(({ ticket }) => ticket)).size).toBe(2);
    });

    it('uses one prefix for stream, group, dead letter and reply', async () => {
      const keys = new Set<string>();

      @Controller()
      class Prefixed {
        @MessagePattern('ask')
        async ask(@Ctx() ctx: RedisStreamContext): Promise<unknown> {
          for (const key of await stage.keys()) keys.add(key);
          return ctx.getPattern();
        }

        @EventPattern('poison')
        poison(@Payload() _data: unknown): void {
          throw new Error('always');
        }
      }
      await stage.serve([Prefixed], { option: { prefix: 'shop:', maxAttempts: 1 } });
      const client = stage.client({ prefix: 'shop:' });
      await expect(ask(client, 'ask', {})).resolves.toBe('ask');
      await tell(client, 'poison', 1);
      await eventually(async () => expect(await stage.at('{shop:poison}:dead').xlen('{shop:poison}:dead')).toBe(1));
      for (const key of await stage.keys()) keys.add(key);
      const inbox = [...keys].filter((key) => key.startsWith('shop:reply:'));
      expect(inbox).toHaveLength(1);
      expect([...keys].filter((key) => !inbox.includes(key)).sort()).toEqual([
        'shop:ask',
        'shop:poison',
        '{shop:poison}:dead',
      ]);
    });

    it('acks an event only after the Observable of its handler completes', async () => {
      const end = deferred();

      @Controller()
      class Lasting {
        @EventPattern('lasting')
        lasting(@Payload() _data: unknown): Observable<unknown> {
          seen.push('started');
          return concat(of('a value'), from(end.promise));
        }
      }
      await stage.serve([Lasting]);
      await tell(stage.client(), 'lasting', 1);
      await eventually(() => expect(seen).toEqual(['started']));
      expect(await pendingOf(stage.at('lasting'), 'lasting')).toBe(1);
      end.resolve();
      await settled(stage.at('lasting'), 'lasting');
    });
  });
};
