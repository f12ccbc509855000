import { Redis } from 'ioredis';
import { COUNT, ECHO, GROUP, type Caller, type Contender, type Served, type Work } from '../contender.js';

type Fields = string[];
type Entry = [id: string, fields: Fields];
type Batch = [stream: string, entries: Entry[]][] | null;

const INBOX = 'bench.inbox';
const BLOCK_MS = 1_000;
const BATCH = 256;
const CONSUMER = String(process.pid);

const connect = (port: number): Redis => new Redis({ host: '127.0.0.1', port });

function field(fields: Fields, name: string): string {
  const at = fields.indexOf(name);
  return at < 0 ? '' : (fields[at + 1] ?? '');
}

/**
 * The least that still acknowledges entries of a stream: one reader, one writer, one pipeline per batch; no retries, no
 * leases, no Nest. The difference between this loop and the library is the cost of the library's promises.
 */
async function serve(port: number, work: Work): Promise<Served> {
  const [reader, writer] = [connect(port), connect(port)];
  for (const stream of [ECHO, COUNT]) await createGroup(writer, stream);

  const settle = (stream: string, entries: Entry[]): Promise<unknown> => {
    const pipeline = writer.pipeline();
    for (const [, fields] of entries) {
      const data: unknown = JSON.parse(field(fields, 'data'));
      if (stream === COUNT) void work.count();
      else pipeline.xadd(INBOX, '*', 'id', field(fields, 'id'), 'data', JSON.stringify(work.echo(data)));
    }
    const ids = entries.map(([id]) => id);
    pipeline.xack(stream, GROUP, ...ids);
    if (stream === ECHO) pipeline.xdel(stream, ...ids);
    return pipeline.exec();
  };

  const stop = repeat(reader, async () => {
    const batch = (await reader.xreadgroup(
      ...(['GROUP', GROUP, CONSUMER, 'COUNT', BATCH, 'BLOCK', BLOCK_MS, 'STREAMS', ECHO, COUNT, '>', '>'] as const),
    )) as Batch;
    // Not awaited: a good loop reads the next batch while it writes the results of this one.
    for (const [stream, entries] of batch ?? []) void settle(stream, entries);
  });

  return {
    close: async () => {
      await stop();
      await writer.quit();
    },
  };
}

/** Reads again and again, until the returned function ends the loop and its connection. */
function repeat(reader: Redis, turn: () => Promise<void>): () => Promise<void> {
  let isClosed = false;
  const running = (async () => {
    while (!isClosed) await turn();
  })().catch((error: unknown) => {
    if (!isClosed) throw error;
  });
  return () => {
    isClosed = true;
    reader.disconnect();
    return running;
  };
}

async function createGroup(client: Redis, stream: string): Promise<void> {
  try {
    await client.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM');
  } catch (error) {
    if (!String(error).includes('BUSYGROUP')) throw error;
  }
}

async function call(port: number): Promise<Caller> {
  const [inbox, publisher] = [connect(port), new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true })];
  const pending = new Map<string, (data: unknown) => void>();
  let last = '0';
  let next = 0;
  const stop = repeat(inbox, async () => {
    const batch = await inbox.xread('COUNT', BATCH, 'BLOCK', BLOCK_MS, 'STREAMS', INBOX, last);
    for (const [id, fields] of batch?.[0]?.[1] ?? []) {
      last = id;
      const key = field(fields, 'id');
      pending.get(key)?.(JSON.parse(field(fields, 'data')));
      pending.delete(key);
    }
    if (batch) void publisher.xtrim(INBOX, 'MINID', '~', last);
  });

  return {
    send: async (data) => {
      const id = String(next++);
      const reply = new Promise<unknown>((resolve) => pending.set(id, resolve));
      await publisher.xadd(ECHO, '*', 'id', id, 'data', JSON.stringify(data));
      return reply;
    },
    emit: async (data) => {
      await publisher.xadd(COUNT, '*', 'data', JSON.stringify(data));
    },
    collect: () => Promise.reject(new Error('The raw loop does not stream replies')),
    close: async () => {
      await stop();
      await publisher.quit();
    },
  };
}

export const rawStreams: Contender = {
  name: 'raw-streams',
  title: 'raw ioredis streams loop',
  serve: ({ redisPort }, work) => serve(redisPort, work),
  call: ({ redisPort }) => call(redisPort),
};
