import 'reflect-metadata';
import { Controller, Inject, Logger, Module, type DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { ClientProxy, MicroserviceOptions } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { COUNT, ECHO, type Caller, type Served, type Work } from './contender.js';

const WORK = Symbol('WORK');

@Controller()
class BenchController {
  constructor(@Inject(WORK) private readonly work: Work) {}

  @MessagePattern(ECHO)
  echo(@Payload() data: unknown): unknown {
    return this.work.echo(data);
  }

  @EventPattern(COUNT)
  count(@Payload() _data: unknown): void {
    this.work.count();
  }
}

@Module({})
class BenchModule {
  static with(work: Work): DynamicModule {
    return { module: BenchModule, controllers: [BenchController], providers: [{ provide: WORK, useValue: work }] };
  }
}

/** The handlers as a Nest microservice on the given transport. */
export async function serveNest(options: MicroserviceOptions, work: Work): Promise<Served> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(BenchModule.with(work), {
    ...options,
    logger: false,
  });
  await app.listen();
  return app;
}

/** Nest's own clients are no `ClientProxy` to the compiler: their listeners have other types. */
type NestClient = Pick<ClientProxy, 'connect' | 'send' | 'emit' | 'close'>;

/** A caller that uses a ClientProxy as an application would. */
export async function callNest(client: NestClient): Promise<Caller> {
  Logger.overrideLogger(false);
  await client.connect();
  return {
    send: (data) => lastValueFrom(client.send<unknown>(ECHO, data)),
    emit: (data) => lastValueFrom(client.emit<void>(COUNT, data), { defaultValue: undefined }),
    close: async () => {
      await client.close();
    },
  };
}
