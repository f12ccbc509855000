import { BadRequestException, Controller, Injectable, ParseIntPipe, UseGuards, UsePipes } from '@nestjs/common';
import type { CanActivate } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Payload, RpcException, Transport } from '@nestjs/microservices';
import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';
import { concat, of, throwError } from 'rxjs';
import { ask, askAll, failureOf } from '../support/calls.js';
import { rootModule } from '../support/nest-app.js';
import { useStage } from '../support/stage.js';
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';

const stage = useStage();
let runs = 0;

@Injectable()
class Denial implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Controller()
class Failing {
  @MessagePattern('fails.error')
  error(): never {
    runs += 1;
    throw new Error('a secret of the service');
  }

  @MessagePattern('fails.rejection')
  async rejection(): Promise<never> {
    return Promise.reject(new Error('another secret'));
  }

  @MessagePattern('fails.rpc-string')
  rpcString(): never {
    throw new RpcException('out of stock');
  }

  @MessagePattern('fails.rpc-object')
  rpcObject(): never {
    throw new RpcException({ code: 'OUT_OF_STOCK', status: 409, details: { left: 0, tags: ['a', null] } });
  }

  @MessagePattern('fails.rpc-observable')
  rpcObservable(): unknown {
    return throwError(() => new RpcException({ code: 7 }));
  }

  @MessagePattern('fails.http')
  http(): never {
    throw new BadRequestException(['name must be a string']);
  }

  @MessagePattern('fails.string')
  string(): never {
    throw 'just a string';
  }

  @MessagePattern('fails.guard')
  @UseGuards(Denial)
  guard(): string {
    return 'unreachable';
  }

  @MessagePattern('fails.pipe')
  @UsePipes(new ParseIntPipe())
  pipe(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('fails.after-two')
  afterTwo(): unknown {
    return concat(
      of(1, 2),
      throwError(() => new RpcException('no third')),
    );
  }

  @MessagePattern('fails.unrecoverable')
  unrecoverable(): never {
    throw new RedisStreamUnrecoverableError({ code: 'NEVER' });
  }

  @MessagePattern('works')
  works(): string {
    return 'still works';
  }
}

const PATTERNS = [
  'fails.error',
  'fails.rejection',
  'fails.rpc-string',
  'fails.rpc-object',
  'fails.rpc-observable',
  'fails.http',
  'fails.string',
  'fails.guard',
  'fails.pipe',
  'fails.after-two',
];

/** The same handlers behind Nest's own Redis transporter, on the same Redis. */
async function nestsOwn(): Promise<ClientProxy> {
  const options = { ...stage.connection, retryAttempts: 1 };
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(rootModule({ controllers: [Failing] }), {
    transport: Transport.REDIS,
    options,
    logger: stage.log,
    abortOnError: false,
  });
  stage.owns(() => app.close());
  await app.listen();
  const client = ClientProxyFactory.create({ transport: Transport.REDIS, options });
  stage.owns(() => client.close());
  await client.connect();
  return client;
}

describe('errors of handlers', () => {
  it("reach the caller exactly as with Nest's Redis transporter", async () => {
    await stage.serve([Failing]);
    const ours = stage.client();
    const theirs = await nestsOwn();
    for (const pattern of PATTERNS) {
      const expected = await failureOf(askAll(theirs, pattern, 'not a number'));
      const actual = await failureOf(askAll(ours, pattern, 'not a number'));
      expect({ pattern, error: actual }).toEqual({ pattern, error: expected });
      expect({ pattern, kind: kindOf(actual) }).toEqual({ pattern, kind: kindOf(expected) });
    }
  });

  it('keep their payload when they are RpcExceptions, and are masked by Nest otherwise', async () => {
    await stage.serve([Failing]);
    const client = stage.client();
    expect(await failureOf(ask(client, 'fails.error', {}))).toEqual({
      status: 'error',
      message: 'Internal server error',
    });
    expect(await failureOf(ask(client, 'fails.rpc-object', {}))).toEqual({
      code: 'OUT_OF_STOCK',
      status: 409,
      details: { left: 0, tags: ['a', null] },
    });
    expect(await failureOf(ask(client, 'fails.unrecoverable', {}))).toEqual({ code: 'NEVER' });
    await expect(ask(client, 'works', {})).resolves.toBe('still works');
  });

  it('answer a request once: it is settled, not retried', async () => {
    runs = 0;
    await stage.serve([Failing], { option: { backoff: { delay: 0 } } });
    const client = stage.client();
    await failureOf(ask(client, 'fails.error', {}));
    // When the server answers this request, its reader has passed the failed entry.
    await ask(client, 'works', {});
    expect(runs).toBe(1);
    expect(await stage.raw.xlen('fails.error')).toBe(0);
    expect(await stage.raw.exists('{fails.error}:dead')).toBe(0);
  });

  it('answer a request for a pattern without a handler soon, in the words of Nest', async () => {
    await stage.serve([Failing]);
    const client = stage.client();
    const started = performance.now();
    const error = await failureOf(ask(client, 'nobody.handles.this', { secret: 1 }));
    expect(error).toBe('There is no matching message handler defined in the remote service.');
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});

function kindOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : typeof error;
}
