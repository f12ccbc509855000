import { PublishRejectedError } from 'nestjs-redis-stream-transport';
import { StoreFullError } from '#store';
import { retry } from '../retry.js';

/**
 * Repeats a step while Redis has no memory for it. The run keeps its slot and its lease, so a full Redis uses up no
 * attempts. Throws the refusal once `signal` aborts.
 */
export const onceThereIsMemory = <T>(step: () => Promise<T>, signal: AbortSignal): Promise<T> =>
  retry(step, signal, isForLackOfMemory);

const isForLackOfMemory = (error: unknown): boolean =>
  error instanceof StoreFullError ||
  (error instanceof PublishRejectedError && error.cause instanceof Error && error.cause.message.startsWith('OOM'));
