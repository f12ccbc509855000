import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { RedisStreamClient, RedisStreamContext } from 'nestjs-redis-stream-transport';
import { readSettings } from '../../apps/responder/src/settings.js';
import { PatientGateway } from '../../apps/responder/src/sms/patient-gateway.js';
import { SmsGateway, SmsProviderUnreachedError } from '../../apps/responder/src/sms/sms-gateway.js';
import { SmsWorkerController } from '../../apps/responder/src/sms/sms-worker.controller.js';
import type { SmsRequested } from '../../apps/shared/contracts/index.js';
import { Environment } from '../../apps/shared/platform/environment.js';
import { RedisStore, SmsRecords } from '../../apps/shared/store/index.js';
import { freePort } from '../../scripts/free-port.js';
import { startRedis } from '../../scripts/redis-server.js';
import type { RunningRedis } from '../../scripts/redis-server.js';
import { failureOf } from '../support/calls.js';
import { eventually } from '../support/eventually.js';
import { HttpServer } from '../support/http-server.js';

const GROUP = 'sms-worker';

class CountedGateway extends SmsGateway {
  calls = 0;

  override send(...sms: Parameters<SmsGateway['send']>): Promise<string> {
    this.calls++;
    return super.send(...sms);
  }
}

describe('the result of an SMS', () => {
  let directory: string;
  let server: RunningRedis;
  let redis: Redis;
  let store: RedisStore;
  let records: SmsRecords;
  let client: RedisStreamClient;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'redis-stream-sms-'));
    server = await startRedis({ dir: directory, allowToy: false });
    redis = new Redis(server.url);
    store = new RedisStore(server.url);
    records = new SmsRecords(store);
    client = new RedisStreamClient({ connection: server.url });
  }, 60_000);

  afterAll(async () => {
    await client?.close();
    store?.onApplicationShutdown();
    redis?.disconnect();
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  beforeEach(async () => {
    await redis.flushall();
    await redis.xgroup('CREATE', 'SMS', GROUP, '0', 'MKSTREAM');
  });

  const newSms = (): SmsRequested => ({ uuid: randomUUID(), number: '+420601123456', text: 'Hello' });

  /** The id of an entry that the group has been given. */
  const delivered = async (sms: SmsRequested): Promise<string> => {
    const id = await redis.xadd('SMS', '*', 'data', JSON.stringify(sms));
    await redis.xreadgroup('GROUP', GROUP, 'worker', 'STREAMS', 'SMS', '>');
    return id ?? '';
  };

  const attempt = (id: string, number: number): RedisStreamContext =>
    new RedisStreamContext({
      stream: 'SMS',
      pattern: 'SMS',
      id,
      group: GROUP,
      consumer: 'worker',
      attempt: number,
      headers: {},
      messageId: undefined,
      isRequest: false,
    });

  /** A worker that makes one attempt, and its calls to the provider. */
  const workerFor = (
    providerUrl: string,
  ): { worker: SmsWorkerController; patient: PatientGateway; gateway: CountedGateway } => {
    const variables = { REDIS_URL: server.url, ROLES: GROUP, SMS_PROVIDER_URL: providerUrl };
    const settings = readSettings(new Environment({ ...variables, MAX_ATTEMPTS: '1', RETRY_DELAY_MS: '20' }));
    const gateway = new CountedGateway(settings);
    const patient = new PatientGateway(gateway, settings);
    return { worker: new SmsWorkerController(client, settings, patient, records), patient, gateway };
  };

  it('is announced as it was recorded, also by a worker that comes second with another one', async () => {
    const calls: ServerResponse[] = [];
    const provider = await HttpServer.start((_request, response) => {
      if (calls.push(response) > 1) response.end('{"id":"msg-1"}');
    });
    try {
      const sms = newSms();
      const id = await delivered(sms);
      const { worker } = workerFor(provider.url);
      // As a frozen process: it does not know yet that its entry has been taken over.
      const frozen = worker.send(sms, attempt(id, 1));
      await eventually(() => expect(calls).toHaveLength(1));
      await worker.send(sms, attempt(id, 2));
      calls[0]?.writeHead(422).end();
      await frozen;
      expect(await records.find(sms.uuid)).toMatchObject({ status: 'sent', providerMessageId: 'msg-1', attempts: 2 });
      expect(await redis.xlen('SMS_OK')).toBe(2);
      expect(await redis.xlen('SMS_FAIL')).toBe(0);
    } finally {
      await provider.stop();
    }
  });

  it('is recorded once: neither the other one nor a repetition changes it', async () => {
    const { uuid, number } = newSms();
    const at = new Date().toISOString();
    await records.accept({ uuid, number, text: 'Hello' });
    const sent = { uuid, number, providerMessageId: 'msg-1', attempt: 1, at };
    expect(await records.markSent(sent)).toBe(true);
    expect(await records.markSent(sent)).toBe(false);
    expect(await records.markFailed({ uuid, number, reason: 'too late', attempts: 2, at }, 'refused')).toBe(false);
    expect(await records.find(uuid)).toMatchObject({ status: 'sent', attempts: 1 });
  });

  it('waits for a provider that cannot be reached, and takes one attempt', async () => {
    const sms = newSms();
    const port = await freePort();
    const { worker, gateway } = workerFor(`http://127.0.0.1:${port}`);
    const run = worker.send(sms, attempt(await delivered(sms), 1));
    await eventually(() => expect(gateway.calls).toBeGreaterThan(3));
    expect(await records.find(sms.uuid)).toMatchObject({ status: 'sending' });
    const provider = await HttpServer.open(
      createServer((_request, response) => response.end('{"id":"msg-1"}')),
      port,
    );
    try {
      await run;
      expect(await records.find(sms.uuid)).toMatchObject({ status: 'sent', attempts: 1 });
      expect(await redis.xlen('SMS_FAIL')).toBe(0);
    } finally {
      await provider.stop();
    }
  });

  it('is not a failure when the app stops while the provider cannot be reached', async () => {
    const sms = newSms();
    const { worker, patient, gateway } = workerFor(`http://127.0.0.1:${await freePort()}`);
    const failure = failureOf(worker.send(sms, attempt(await delivered(sms), 1)));
    await eventually(() => expect(gateway.calls).toBeGreaterThan(0));
    patient.onModuleDestroy();
    expect(await failure).toBeInstanceOf(SmsProviderUnreachedError);
    expect(await records.find(sms.uuid)).toMatchObject({ status: 'sending' });
  });

  it('becomes a dead letter when all attempts are used up, which a redrive sends after all', async () => {
    let status = 503;
    const provider = await HttpServer.start((_request, response) => {
      response.writeHead(status).end('{"id":"msg-1"}');
    });
    try {
      const sms = newSms();
      const id = await delivered(sms);
      const { worker, gateway } = workerFor(provider.url);
      const deadLetter = { kind: 'dead-letter', reason: 'the provider answered 503' };
      // The second run as after a crash: the result is recorded, but the entry is not a dead letter yet.
      for (const number of [1, 2]) {
        const ctx = attempt(id, number);
        await worker.send(sms, ctx);
        expect(ctx.wish).toEqual(deadLetter);
        expect(await records.find(sms.uuid)).toMatchObject({ status: 'failed', attempts: 1 });
      }
      expect(gateway.calls).toBe(1);

      status = 200;
      const redriven = attempt(id, 1);
      await worker.send(sms, redriven);
      expect(redriven.wish).toBeUndefined();
      const record = await records.find(sms.uuid);
      expect(record).toMatchObject({ status: 'sent', attempts: 1 });
      expect(record?.error).toBeUndefined();
      expect(await redis.xlen('SMS_OK')).toBe(1);
    } finally {
      await provider.stop();
    }
  });

  it('does not come from another producer once a worker has claimed the SMS', async () => {
    const sms = newSms();
    const failed = {
      uuid: sms.uuid,
      number: sms.number,
      reason: 'old news',
      attempts: 1,
      at: new Date().toISOString(),
    };
    await records.begin(sms, await delivered(sms), 1);
    expect(await records.markFailed(failed, 'foreign')).toBe(false);
    expect(await records.markFailed(failed, 'refused')).toBe(true);
  });

  it('belongs to the first of two entries while the first is pending, and then to the other', async () => {
    const sms = newSms();
    const first = await delivered(sms);
    const second = await delivered(sms);
    expect(await records.begin(sms, first, 1)).toBe('run');
    expect(await records.begin(sms, second, 1)).toBe('duplicate');
    expect(await records.begin(sms, first, 2)).toBe('run');
    await redis.xack('SMS', GROUP, first);
    expect(await records.begin(sms, second, 1)).toBe('run');
    expect(await records.begin(sms, first, 3)).toBe('duplicate');
    const { uuid, number } = sms;
    await records.markSent({ uuid, number, providerMessageId: 'msg-1', attempt: 1, at: new Date().toISOString() });
    expect(await records.begin(sms, await delivered(sms), 1)).toBe('settled');
  });
});
