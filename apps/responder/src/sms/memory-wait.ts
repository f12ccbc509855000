import { setTimeout as delay } from 'node:timers/promises';
import { PublishRejectedError } from 'nestjs-redis-stream-transport';
import { StoreFullError } from '#store';

const PAUSE_MS = 500;

/**
 * Repeats a step while Redis has no memory for it. The run keeps its slot and its lease, so a full Redis uses up no
 * attempts. Throws the refusal once `signal` aborts.
 */
export const onceThereIsMemory = async <T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> => {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isForLackOfMemory(error)) throw error;
      await delay(PAUSE_MS, undefined, { signal }).catch(() => {
        throw error;
      });
    }
  }
};

const isForLackOfMemory = (error: unknown): boolean =>
  error instanceof StoreFullError ||
  (error instanceof PublishRejectedError && error.cause instanceof Error && error.cause.message.startsWith('OOM'));
