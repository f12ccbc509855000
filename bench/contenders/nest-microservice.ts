import 'reflect-metadata';
import { Controller, Inject, Logger, Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { ClientProxy, MicroserviceOptions } from '@nestjs/microservices';
import { count, from, lastValueFrom, type Observable } from 'rxjs';
import { COUNT, ECHO, PARTS, type Caller, type Served, type Work } from '../contender.js';

const WORK = Symbol('WORK');
const EMITS_PER_TURN = 256;

/** A new class per call, because decorators fix the patterns of a class. */
function controllerFor(patterns: readonly string[]): Type {
  @Controller()
  class BenchController {
    constructor(@Inject(WORK) private readonly work: Work) {}

    @MessagePattern([...patterns])
    echo(@Payload() data: unknown): unknown {
      return this.work.echo(data);
    }

    @MessagePattern(PARTS)
    parts(@Payload() amount: number): Observable<unknown> {
      return from(this.work.parts(amount));
    }

    @EventPattern(COUNT)
    count(@Payload() _data: unknown): void | Promise<void> {
      return this.work.count();
    }
  }
  return BenchController;
}

@Module({})
class BenchModule {}

/** The handlers as a Nest microservice on the given transport. */
export async function serveNest(options: MicroserviceOptions, work: Work): Promise<Served> {
  const controllers = [controllerFor(work.patterns)];
  const module = { module: BenchModule, controllers, providers: [{ provide: WORK, useValue: work }] };
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(module, { ...options, logger: false });
  await app.listen();
  return app;
}

/** To the compiler, Nest's own clients are not a `ClientProxy`: their listeners have other types. */
type NestClient = Pick<ClientProxy, 'connect' | 'send' | 'emit' | 'close'>;

/** A caller that uses a ClientProxy as an application would. */
export async function callNest(client: NestClient): Promise<Caller> {
  Logger.overrideLogger(false);
  await client.connect();
  return {
    send: (data, pattern = ECHO) => lastValueFrom(client.send<unknown>(pattern, data)),
    emit: (data) => lastValueFrom(client.emit<void>(COUNT, data), { defaultValue: undefined }),
    collect: (parts) => lastValueFrom(client.send<unknown>(PARTS, parts).pipe(count())),
    close: async () => {
      await client.close();
    },
  };
}

/**
 * For transports that report an event as sent before a byte of it has left. Without occasional pauses a loop of emits
 * would never let the socket write; `sent` is what an application could wait for.
 */
export function pausing(caller: Caller, sent: () => Promise<void>): Caller {
  let emits = 0;
  return {
    ...caller,
    emit: async (data) => {
      await caller.emit(data);
      if (++emits % EMITS_PER_TURN === 0) await sent();
    },
  };
}
