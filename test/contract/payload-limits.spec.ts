import { inspect } from 'node:util';
import { Controller } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import {
  InvalidMessageError,
  PayloadTooLargeError,
  RedisStreamOptionError,
  RedisStreamRecord,
} from 'nestjs-redis-stream-transport';
import { ask, failureOf, tell } from '../support/calls.js';
import { useStage } from '../support/stage.js';
import { settled } from '../support/stream-view.js';

const stage = useStage();

const deep = (levels: number): unknown =>
  Array.from({ length: levels }).reduce((inner: unknown) => ({ a: inner }), 'open-sesame');

@Controller()
class Answers {
  @MessagePattern('deep')
  deep(@Payload() levels: number): unknown {
    return deep(levels);
  }

  @MessagePattern('hostile')
  hostile(): unknown {
    return {
      toJSON: (): never => {
        throw new Error('open-sesame');
      },
    };
  }

  @MessagePattern('long')
  long(@Payload() length: number): unknown {
    return 'x'.repeat(length);
  }
}

describe('data that receivers would refuse', () => {
  it('is refused by emit and send before anything is written, and accepted up to 64 levels', async () => {
    await stage.serve([Answers]);
    const client = stage.client();
    const nested = { toJSON: () => deep(65) };
    for (const data of [deep(65), nested, new RedisStreamRecord({ data: deep(65) })]) {
      for (const call of [ask(client, 'other', data), tell(client, 'other', data)]) {
        const error = await failureOf(call);
        expect(error).toBeInstanceOf(InvalidMessageError);
        expect(error).toMatchObject({ code: 'INVALID_MESSAGE', retriable: false, outcome: 'not-stored' });
        expect(inspect(error)).not.toContain('open-sesame');
      }
    }
    expect(await stage.raw.exists('other')).toBe(0);
    await tell(client, 'other', deep(64));
    expect(await stage.raw.xlen('other')).toBe(1);
  });

  it('becomes an error where it is a reply, and the caller gets the reason', async () => {
    await stage.serve([Answers]);
    const client = stage.client();
    expect(await ask(client, 'deep', 64)).toEqual(deep(64));
    expect(await failureOf(ask(client, 'deep', 65))).toEqual({
      status: 'error',
      message: 'The reply is nested deeper than 64 levels, which receivers refuse',
    });
    await settled(stage.raw, 'deep');
  });
});

describe('an error of user code while a payload is written', () => {
  it('reaches neither the caller of emit, nor the caller of a handler, nor the log', async () => {
    await stage.serve([Answers]);
    const serializer = {
      serialize: (): never => {
        throw new Error('open-sesame');
      },
    };
    const hostile = { toJSON: serializer.serialize };
    const failures = [
      await failureOf(tell(stage.client(), 'other', hostile)),
      await failureOf(tell(stage.client({ serializer }), 'other', 1)),
      await failureOf(ask(stage.client(), 'hostile', 1)),
    ];
    expect(failures.map((failure) => inspect(failure)).join()).not.toContain('open-sesame');
    expect(stage.log.text()).not.toContain('open-sesame');
  });
});

describe('the text of a serializer', () => {
  const serializer = {
    serialize: (packet: { data?: unknown; response?: unknown }): string => String(packet.data ?? packet.response),
  };
  const deserializer = {
    deserialize: (packet: unknown): unknown => packet,
  };

  it('is bounded by maxPayloadBytes in requests, events and replies', async () => {
    const limits = { maxPayloadBytes: 1_000, serializer, deserializer };
    await stage.serve([Answers], { option: limits });
    const client = stage.client(limits);
    expect(await ask(client, 'long', 1_000)).toBe('x'.repeat(1_000));
    const error = await failureOf(ask(client, 'long', 1_001));
    expect(inspect(error)).not.toContain('xxx');
    for (const call of [ask(client, 'long', 'x'.repeat(1_001)), tell(client, 'long', 'x'.repeat(1_001))])
      expect(await failureOf(call)).toBeInstanceOf(PayloadTooLargeError);
    await settled(stage.raw, 'long');
  });

  it('is refused with half of a surrogate pair, which would arrive as another text', async () => {
    const client = stage.client({ serializer });
    expect(await failureOf(tell(client, 'other', 'half \ud83d'))).toBeInstanceOf(InvalidMessageError);
    expect(await stage.raw.exists('other')).toBe(0);
  });
});

describe('a message id with half of a surrogate pair', () => {
  it('is refused when the record is created', () => {
    expect(() => new RedisStreamRecord({ data: 1, messageId: '\ud800' })).toThrow(RedisStreamOptionError);
  });
});
