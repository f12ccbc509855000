import { Injectable } from '@nestjs/common';
import { DataSource, QueryFailedError } from 'typeorm';

/** The database refused a statement or did not answer. What was asked is not repeated: it may hold addresses. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
}

/**
 * Statements that change many rows and their counters in one go. Each is a single one, and so a transaction of its own:
 * no connection is held between two.
 */
@Injectable()
export class Statements {
  constructor(private readonly source: DataSource) {}

  /**
   * @param sql has to end in a SELECT: TypeORM gives other statements' results another shape
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
