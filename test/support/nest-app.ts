import { Module } from '@nestjs/common';
import type { DynamicModule, INestMicroservice, Provider, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { CustomTransportStrategy, MicroserviceOptions } from '@nestjs/microservices';
import type { CapturedLog } from './captured-log.js';

@Module({})
class RootModule {}

export interface AppParts {
  readonly controllers?: Type[];
  readonly providers?: Provider[];
  readonly imports?: (DynamicModule | Type)[];
}

export interface AppSetting {
  readonly log: CapturedLog;
  /** Runs before listen(): for global guards, pipes, filters and interceptors. */
  readonly prepare?: (app: INestMicroservice) => void;
}

/** Creates a real Nest microservice with a strategy; it does not listen yet. */
export async function createApp(
  strategy: CustomTransportStrategy,
  parts: AppParts,
  { log, prepare }: AppSetting,
): Promise<INestMicroservice> {
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(rootModule(parts), {
    strategy,
    logger: log,
    abortOnError: false,
  });
  prepare?.(app);
  return app;
}

export function rootModule({ controllers = [], providers = [], imports = [] }: AppParts): DynamicModule {
  return { module: RootModule, controllers, providers, imports };
}
