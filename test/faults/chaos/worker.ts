import 'reflect-metadata';
import { Controller, Module, ShutdownSignal } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import type { MicroserviceOptions } from '@nestjs/microservices';
import { RedisStreamContext, RedisStreamServer, RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';
import { openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Observable } from 'rxjs';
import { connectionOver } from './connecting.js';
import type { ChaosWorkerOrder } from './worker-pool.js';
import { AUDIT, FLOWS, GROUP } from './flows.js';
import type { ChaosTask } from './flows.js';
import { monotonicNow } from './notes.js';
import type { Note, RunNote } from './notes.js';
import { Printed } from './printed.js';

const VALUE_EVERY_MS = 20;
/** A run of an endless reply that lasts this long is a violation; it ends so that its slot is free again. */
const ENDLESS_MS = 20_000;
const SAMPLE_MS = 500;
const MB = 1_048_576;

const order = JSON.parse(process.env['WORKER_ORDER'] ?? '{}') as ChaosWorkerOrder;
const ledger = openSync(String(order.ledger), 'a');
const printed = Printed.ofThisProcess();

/** Synchronous: a SIGKILL may come right after it. */
function write(note: Note): void {
  writeSync(ledger, `${JSON.stringify(note)}\n`);
}

function noteRun(fact: RunNote['fact'], { n }: ChaosTask, ctx: RedisStreamContext): void {
  const about = { stream: ctx.getStream(), group: ctx.getConsumerGroup(), attempt: ctx.getAttempt() };
  write({ fact, n, id: ctx.getMessageId(), ...about, pid: process.pid, at: monotonicNow() });
}

async function perform(task: ChaosTask, ctx: RedisStreamContext): Promise<number> {
  noteRun('started', task, ctx);
  if (task.holdMs > 0) await pause(task.holdMs);
  const isOut = task.failsUntil !== undefined && monotonicNow() < task.failsUntil;
  if (isOut || (task.stumbles && ctx.getAttempt() === 1)) {
    noteRun('failed', task, ctx);
    throw new Error('stumbled');
  }
  noteRun('done', task, ctx);
  return task.n;
}

/** Each value names its run, so that the values of two runs cannot pass for one reply. */
function stream(task: ChaosTask, ctx: RedisStreamContext): Observable<string> {
  return new Observable((observer) => {
    noteRun('started', task, ctx);
    let isOver = false;
    const end = (fact: RunNote['fact']): void => {
      if (!isOver) noteRun(fact, task, ctx);
      isOver = true;
    };
    let sent = 0;
    const most = task.values || ENDLESS_MS / VALUE_EVERY_MS;
    const timer = setInterval(() => {
      observer.next(`${process.pid}-${ctx.getAttempt()} ${sent++}`);
      if (sent < most) return;
      end('done');
      observer.complete();
    }, VALUE_EVERY_MS);
    return () => {
      clearInterval(timer);
      end('left');
    };
  });
}

@Controller()
class ChaosController {
  @EventPattern<string>(FLOWS.event.stream)
  event(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }

  @MessagePattern(FLOWS.request.stream)
  request(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }

  @MessagePattern(FLOWS.streamed.stream, { concurrency: FLOWS.streamed.slots })
  streamed(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Observable<string> {
    return stream(task, ctx);
  }

  @EventPattern<string>(FLOWS.flaky.stream, { backoff: { delay: 1_500, maxDelay: 3_000 } })
  flaky(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }

  @EventPattern<string>(FLOWS.poison.stream, { concurrency: FLOWS.poison.slots })
  poison(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): void {
    noteRun('started', task, ctx);
    noteRun('failed', task, ctx);
    throw new RedisStreamUnrecoverableError('poison');
  }

  @EventPattern<string>(FLOWS.backlog.stream, { concurrency: FLOWS.backlog.slots })
  backlog(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }

  @EventPattern<string>(FLOWS.tick.stream, { concurrency: FLOWS.tick.slots })
  tick(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }

  @EventPattern<string>(FLOWS.long.stream)
  long(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): Promise<number> {
    return perform(task, ctx);
  }
}

/** Reads the requests in its own group, and must never answer them. */
@Controller()
class AuditController {
  @EventPattern<string>(FLOWS.request.stream, { group: AUDIT })
  audit(@Payload() task: ChaosTask, @Ctx() ctx: RedisStreamContext): void {
    noteRun('started', task, ctx);
    noteRun('done', task, ctx);
  }
}

@Module({ controllers: order.audit ? [ChaosController, AuditController] : [ChaosController] })
class ChaosModule {}

/** SIGUSR2 steps the wall clock by the offset in the file next to the ledger. */
function obeyClock(): void {
  const realNow = Date.now;
  process.on('SIGUSR2', () => {
    const aheadMs = Number(readFileSync(`${order.ledger}.clock`, 'utf8'));
    Date.now = () => realNow() + aheadMs;
  });
}

function sample(): void {
  const { rss, heapUsed } = process.memoryUsage();
  const used = { rssMb: Math.round(rss / MB), heapMb: Math.round(heapUsed / MB) };
  write({ fact: 'sample', pid: process.pid, at: monotonicNow(), ...used, ...printed.mostFrequent() });
}

obeyClock();
const strategy = new RedisStreamServer({
  connection: connectionOver(order.route),
  // Redis may be down when a worker starts.
  option: { consumerGroup: GROUP, connectTimeout: 0, ...order.option },
});
strategy.on('requestExpired', ({ id, stream: of }) =>
  write({ fact: 'expired', id, stream: of, pid: process.pid, at: monotonicNow() }),
);
strategy.on('deadLettered', () => printed.expect());
const app = await NestFactory.createMicroservice<MicroserviceOptions>(ChaosModule, {
  strategy,
  // Without the levels below `log`, which have a line for each retry.
  logger: ['log', 'warn', 'error', 'fatal'],
});
app.enableShutdownHooks([ShutdownSignal.SIGTERM]);
process.once('disconnect', () => process.exit(0));
await app.listen();
setInterval(sample, SAMPLE_MS).unref();
process.send?.({ fact: 'ready' });
