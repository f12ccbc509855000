import { Redis } from 'ioredis';
import { COUNT, type Caller, type Contender, type Place, type Served, type Setup, type Work } from '../contender.js';

/** As many as the library runs by default. */
const CONCURRENCY = 128;
/** More than a benchmark ever makes: BullMQ's default is to fail a job whose worker has died twice. */
const MAX_STALLED_COUNT = 10;

const connect = ({ redisPort }: Place): Redis =>
  new Redis({ host: '127.0.0.1', port: redisPort, maxRetriesPerRequest: null });

async function serve(place: Place, work: Work, { takeover }: Setup): Promise<Served> {
  const { Worker } = await import('bullmq');
  const connection = connect(place);
  const worker = new Worker(COUNT, async () => work.count(), {
    connection,
    concurrency: CONCURRENCY,
    maxStalledCount: MAX_STALLED_COUNT,
    ...(takeover && { lockDuration: takeover.leaseMs, stalledInterval: takeover.sweepMs }),
  });
  await worker.waitUntilReady();
  return {
    close: async () => {
      await worker.close(true);
      connection.disconnect();
    },
  };
}

async function call(place: Place): Promise<Caller> {
  const { Queue } = await import('bullmq');
  const connection = connect(place);
  // What is done is of no use to anybody, and would only pile up in Redis.
  const queue = new Queue(COUNT, { connection, defaultJobOptions: { removeOnComplete: true } });
  await queue.waitUntilReady();
  const noReplies = (): Promise<never> => Promise.reject(new Error('Jobs of BullMQ answer nobody'));
  return {
    send: noReplies,
    collect: noReplies,
    emit: async (data) => {
      await queue.add(COUNT, data);
    },
    close: async () => {
      await queue.close();
      connection.disconnect();
    },
  };
}

export const bullmq: Contender = { name: 'bullmq', title: 'BullMQ', serve, call };
