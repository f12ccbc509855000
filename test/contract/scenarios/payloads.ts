import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { PayloadTooLargeError } from 'nestjs-redis-stream-transport';
import { defer, lastValueFrom, of } from 'rxjs';
import { ask, askAll, failureOf, tell } from '../../support/calls.js';
import { eventually } from '../../support/eventually.js';
import { settled } from '../../support/stream-view.js';
import type { Topic } from './topic.js';

const heard: unknown[] = [];

const VALUES: readonly (readonly [string, unknown])[] = [
  ['a string', 'abc'],
  ['an empty string', ''],
  ['a string that is JSON', '{"a":1}'],
  ['a number', 42],
  ['zero', 0],
  ['a fraction', -1.5e-7],
  ['true', true],
  ['false', false],
  ['null', null],
  ['an empty array', []],
  ['an array', [1, 'two', null, [3]]],
  ['an empty object', {}],
  ['a nested object', { a: { b: { c: [{ d: null }] } } }],
  ['unicode', { 'ключ 🔑': 'Grüße, 世界 👩‍👩‍👧 \u0000 \u2028 "quoted" \\ \n' }],
  ['300 kB', 'x'.repeat(300_000)],
  ['a megabyte', 'x'.repeat(1_000_000)],
  [
    'keys named like our fields',
    { id: 1, reply: 'r', data: { data: 2 }, ttl: 0, headers: null, mid: 'm', err: 'e', last: 1 },
  ],
  ['keys named like Nest packets', { pattern: 'p', response: 1, isDisposed: true, status: 'error', err: null }],
];

@Controller()
class Mirror {
  @MessagePattern('mirror')
  mirror(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('absent')
  absent(@Payload() which: string): unknown {
    return which === 'null' ? null : undefined;
  }

  @MessagePattern('special')
  special(): unknown {
    return { date: new Date(0), gone: undefined, bytes: Buffer.from('ab') };
  }

  @MessagePattern('unserialisable')
  unserialisable(@Payload() which: string): unknown {
    if (which === 'bigint') return { big: 10n };
    const knot: Record<string, unknown> = {};
    knot['self'] = knot;
    return knot;
  }

  @MessagePattern('huge')
  huge(): unknown {
    return 'y'.repeat(5_000);
  }

  @EventPattern('heard')
  hear(@Payload() data: unknown): void {
    heard.push(data);
  }
}

export const payloads: Topic = (stage) => {
  beforeEach(() => {
    heard.length = 0;
  });

  describe('payloads', () => {
    it('arrive unchanged for every JSON value, in both directions and in events', async () => {
      await stage.serve([Mirror], { option: { concurrency: 1 } });
      const client = stage.client();
      for (const [name, value] of VALUES) {
        expect({ [name]: await ask(client, 'mirror', value) }).toEqual({ [name]: value });
        await tell(client, 'heard', value);
      }
      await eventually(() => expect(heard).toEqual(VALUES.map(([, value]) => value)));
      await settled(stage.at('heard'), 'heard');
    });

    it('that are null arrive in a reply as null, and undefined completes it without a value, as in Nest', async () => {
      await stage.serve([Mirror]);
      const client = stage.client();
      await expect(askAll(client, 'absent', 'null')).resolves.toEqual([null]);
      await expect(askAll(client, 'absent', 'undefined')).resolves.toEqual([]);
    });

    it('convert dates, buffers and undefined fields as JSON does', async () => {
      await stage.serve([Mirror]);
      const client = stage.client();
      const reply = { date: '1970-01-01T00:00:00.000Z', bytes: { type: 'Buffer', data: [97, 98] } };
      await expect(ask(client, 'special', {})).resolves.toEqual(reply);
      await expect(ask(client, 'mirror', { date: new Date(0), gone: undefined })).resolves.toEqual({
        date: reply.date,
      });
    });

    it('of undefined are refused in a call, as in Nest', async () => {
      const client = stage.client();
      for (const call of [ask(client, 'mirror', undefined), tell(client, 'heard', undefined)]) {
        // Nest 12 does not export the class.
        expect(await failureOf(call)).toHaveProperty('constructor.name', 'InvalidMessageException');
      }
      expect(await stage.keys()).toEqual([]);
    });

    it('that JSON cannot represent are refused before anything is written', async () => {
      const client = stage.client();
      const knot: Record<string, unknown> = {};
      knot['self'] = knot;
      for (const impossible of [{ big: 10n }, knot]) {
        expect(await failureOf(ask(client, 'mirror', impossible))).toBeInstanceOf(Error);
        expect(await failureOf(tell(client, 'heard', impossible))).toBeInstanceOf(Error);
      }
      expect(await stage.keys()).toEqual([]);
    });

    it('that JSON cannot represent become an error when a handler returns them', async () => {
      await stage.serve([Mirror]);
      const client = stage.client();
      for (const which of ['bigint', 'knot']) {
        expect(await failureOf(ask(client, 'unserialisable', which))).toBeDefined();
      }
      await expect(ask(client, 'mirror', 'alive')).resolves.toBe('alive');
      await settled(stage.at('unserialisable'), 'unserialisable');
    });

    it('stay unmodified for their caller, frozen or not', async () => {
      await stage.serve([Mirror]);
      const client = stage.client();
      const loose = { a: { b: 1 } };
      const frozen = Object.freeze({ a: Object.freeze({ b: 1 }) });
      await expect(ask(client, 'mirror', frozen)).resolves.toEqual(frozen);
      await ask(client, 'mirror', loose);
      await tell(client, 'heard', loose);
      await tell(client, 'heard', frozen);
      expect(loose).toEqual({ a: { b: 1 } });
      await eventually(() => expect(heard).toEqual([loose, frozen]));
    });

    it('above maxPayloadBytes are refused before they are written', async () => {
      const client = stage.client({ maxPayloadBytes: 1_000 });
      // Two bytes per character: the limit is about bytes.
      const tooLong = 'é'.repeat(600);
      for (const call of [ask(client, 'mirror', tooLong), tell(client, 'heard', tooLong)]) {
        const error = await failureOf(call);
        expect(error).toBeInstanceOf(PayloadTooLargeError);
        expect(error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', retriable: false, outcome: 'not-stored' });
        expect(String(error)).not.toContain('éé');
      }
      expect(await stage.keys()).toEqual([]);
    });

    it('above maxPayloadBytes become an error when they are replies', async () => {
      await stage.serve([Mirror], { option: { maxPayloadBytes: 1_000 } });
      const client = stage.client();
      expect(await failureOf(ask(client, 'huge', {}))).toBeDefined();
      await expect(ask(client, 'mirror', 'alive')).resolves.toBe('alive');
    });

    it('never reach a prototype', async () => {
      await stage.serve([Mirror]);
      const hostile: unknown = JSON.parse(
        '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
      );
      await lastValueFrom(
        defer(() => ask(stage.client(), 'mirror', hostile)),
        { defaultValue: of(null) },
      ).catch(() => undefined);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      await expect(ask(stage.client(), 'mirror', 1)).resolves.toBe(1);
    });
  });
};
