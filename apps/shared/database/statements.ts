import { Injectable } from '@nestjs/common';
import { RedisStreamUnrecoverableError } from 'nestjs-redis-stream-transport';
import { DataSource, QueryFailedError } from 'typeorm';
import type { EntityManager } from 'typeorm';

/** Runs statements: any connection of the pool, or the connection of one transaction. */
export type Session = Pick<EntityManager, 'query'>;

/** The database refused a statement or did not answer. The message omits the values: they may hold addresses. */
class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/** SQLSTATE class 22, data exception: the database cannot store one of the values, now or ever. */
const DATA_EXCEPTION = /^22/;

/** A message that brings such a value becomes a dead letter at once. The text omits the value and its description. */
export class UnstorableValueError extends RedisStreamUnrecoverableError {
  override readonly name = 'UnstorableValueError';

  constructor(code: string) {
    super(`The database cannot store one of the values (SQLSTATE ${code})`);
  }
}

/**
 * Statements that change many rows and their counters at once. Unless it runs in `transaction`, each statement is a
 * transaction of its own, so no connection is held between two of them.
 */
@Injectable()
export class Statements {
  constructor(private readonly source: DataSource) {}

  /**
   * @param sql must end in a SELECT: TypeORM returns the results of other statements in another shape
   * @throws {UnstorableValueError} if no attempt can succeed
   * @throws {DatabaseError} if another attempt may succeed
   */
  async rows<Row>(sql: string, values: readonly unknown[], session: Session = this.source): Promise<Row[]> {
    try {
      return await session.query<Row[]>(sql, [...values]);
    } catch (error) {
      const code = error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
      if (code !== undefined && DATA_EXCEPTION.test(code)) throw new UnstorableValueError(code);
      throw new DatabaseError(`The database failed: ${(error as Error).message}${code ? ` (${code})` : ''}`);
    }
  }

  /** Runs the statements to which `work` passes its session as one transaction. Each sees what is committed by then. */
  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.source.transaction(work);
  }
}
