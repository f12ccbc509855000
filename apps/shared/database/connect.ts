import { setTimeout as delay } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from './data-source.js';

const ATTEMPTS = 30;
const RETRY_MS = 1_000;

/** Postgres did not answer or refused the connection. */
class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError';
}

/** Retries for a while if the database is still starting. */
export const connect = async (url: string): Promise<DataSource> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await new DataSource(dataSourceOptions(url)).initialize();
    } catch (error) {
      if (attempt < ATTEMPTS && isAway(error)) await delay(RETRY_MS);
      else throw new DatabaseUnavailableError(`Postgres at ${new URL(url).host} cannot be used: ${reasonOf(error)}`);
    }
  }
};

const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code;
/** Network errors, and the codes of a server that is starting or stopping. Retrying does not fix a wrong password. */
const isAway = (error: unknown): boolean => /^(E[A-Z]+|57P0\d)$/.test(codeOf(error) ?? '');
const reasonOf = (error: unknown): string => (error as Error).message || (codeOf(error) ?? 'no reason given');
