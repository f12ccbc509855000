import { Injectable } from '@nestjs/common';
import { DataSource, QueryFailedError } from 'typeorm';

/** The database refused a statement or did not answer. The message omits the values: they may hold addresses. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/**
 * Statements that change many rows and their counters at once. Each statement is a transaction of its own, so no
 * connection is held between two of them.
 */
@Injectable()
export class Statements {
  constructor(private readonly source: DataSource) {}

  /**
   * @param sql must end in a SELECT: TypeORM returns the results of other statements in another shape
   * @throws {DatabaseError}
   */
  async rows<Row>(sql: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return await this.source.query<Row[]>(sql, [...values]);
    } catch (error) {
      const code = error instanceof QueryFailedError ? (error.driverError as { code?: string }).code : undefined;
      throw new DatabaseError(`The database failed: ${(error as Error).message}${code ? ` (${code})` : ''}`);
    }
  }
}
