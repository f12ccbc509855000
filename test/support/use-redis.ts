import type { Redis } from 'ioredis';
import { RedisProcess } from './redis-process.js';

export interface UsedRedis {
  readonly process: RedisProcess;
  /** The test's own connection. */
  readonly raw: Redis;
}

/** One server for a spec about a single part of the library, empty at the start of each test. */
export function useRedis(): UsedRedis {
  let process: RedisProcess;
  let raw: Redis;
  beforeAll(async () => {
    process = await RedisProcess.start();
    raw = process.client();
  });
  afterAll(() => process.stop());
  beforeEach(() => raw.flushall());
  return {
    get process() {
      return process;
    },
    get raw() {
      return raw;
    },
  };
}
