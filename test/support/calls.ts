import type { ClientProxy } from '@nestjs/microservices';
import { firstValueFrom, lastValueFrom, toArray } from 'rxjs';
import { within } from './eventually.js';

const CALL_WITHIN_MS = 10_000;

/** Sends a request and returns the first value of its reply. */
export function ask<T = unknown>(client: ClientProxy, pattern: unknown, data: unknown): Promise<T> {
  return within(
    CALL_WITHIN_MS,
    `an answer to ${JSON.stringify(pattern)}`,
    firstValueFrom(client.send<T>(pattern, data)),
  );
}

/** Sends a request and returns all values of its reply. */
export function askAll<T = unknown>(client: ClientProxy, pattern: unknown, data: unknown): Promise<T[]> {
  const values = lastValueFrom(client.send<T>(pattern, data).pipe(toArray()));
  return within(CALL_WITHIN_MS, `the end of the answers to ${JSON.stringify(pattern)}`, values);
}

/** Emits an event; resolves when Redis has confirmed it. */
export async function tell(client: ClientProxy, pattern: unknown, data: unknown): Promise<void> {
  const confirmed = lastValueFrom(client.emit(pattern, data), { defaultValue: undefined });
  await within(CALL_WITHIN_MS, `the confirmation of ${JSON.stringify(pattern)}`, confirmed);
}

/** Returns the error of a call that must fail. */
export async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error('the call succeeded but should have failed');
}
