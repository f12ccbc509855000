import { Redis } from 'ioredis';
import { COUNT, type Caller, type Contender, type Place, type Served, type Setup, type Work } from '../contender.js';

/** The default concurrency of the library. */
const CONCURRENCY = 128;
/** More than a benchmark ever reaches: by default, BullMQ fails a job whose worker has died twice. */
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
  // Nothing reads completed jobs, and they would pile up in Redis.
  const queue = new Queue(COUNT, { connection, defaultJobOptions: { removeOnComplete: true } });
  await queue.waitUntilReady();
  const noReplies = (): Promise<never> => Promise.reject(new Error('BullMQ jobs have no replies'));
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
