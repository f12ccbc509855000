import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamServer } from 'nestjs-redis-stream-transport';
import { openSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkerOrder } from '../../support/worker-process.js';
import type { RunNote } from './ledger.js';

export interface ChaosTask {
  readonly n: number;
  readonly holdMs: number;
  /** Fails in its first attempt. */
  readonly stumbles: boolean;
  readonly secret: string;
}

const order = JSON.parse(process.env['WORKER_ORDER'] ?? '{}') as WorkerOrder;
const ledger = openSync(String(order.ledger), 'a');

function note(fact: RunNote['fact'], { n }: ChaosTask, ctx: RedisStreamContext): void {
  const at = performance.timeOrigin + performance.now();
  const run: RunNote = { fact, n, id: ctx.getMessageId(), attempt: ctx.getAttempt(), pid: process.pid, at };
  // Not asynchronous: whatever comes after may be a SIGKILL.
  writeSync(ledger, `${JSON.stringify(run)}\n`);
}

async function perform(task: ChaosTask, ctx: RedisStreamContext): Promise<number> {
  note('started', task, ctx);
  if (task.holdMs > 0) await pause(task.holdMs);
  if (task.stumbles && ctx.getAttempt() === 1) {
    note('failed', task, ctx);
    throw new Error('stumbled');
  }
  note('done', task, ctx);
  return task.n;
}

@Controller()
class ChaosController {
  @EventPattern<string>('chaos.event')
  async event(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<void> {
    await perform(task, ctx);
  }

  @MessagePattern('chaos.request')
  request(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }
}

@Module({ controllers: [ChaosController] })
class ChaosModule {}

const strategy = new RedisStreamServer({
  connection: order.connection,
  // Redis may be away when a worker is started.
  option: { consumerGroup: 'workers', connectTimeout: 0, ...order.option },
});
const app = await NestFactory.createMicroservice<MicroserviceOptions>(ChaosModule, { strategy });
app.enableShutdownHooks();
process.once('disconnect', () => process.exit(0));
await app.listen();
process.send?.({ fact: 'ready' });
