import { PGlite } from '@electric-sql/pglite';
import type { ExecProtocolOptionsStream, QueryOptions, Results } from '@electric-sql/pglite';

const SYNC = Uint8Array.of('S'.charCodeAt(0), 0, 0, 0, 4);
const bytes = (types: string): ReadonlySet<number> => new Set(Buffer.from(types));
/** Parse, bind, describe, execute, close, flush: more of the same statement follows. */
const PARTS = bytes('PBDECH');
/** Sync and query: the server says that it is ready for the next statement. */
const ENDS = bytes('SQ');

/**
 * The one session that PGlite has, as its socket server should see it. That server lets connections take turns message
 * by message and holds to one of them only during a transaction. The messages of a statement with parameters have to
 * stay together as well: two such statements that mix answer for each other, and one that failed makes the server skip
 * what the other connection sends, which then looks done.
 */
export class SharedSession extends PGlite {
  private isMidStatement = false;

  override isInTransaction(): boolean {
    return this.isMidStatement || super.isInTransaction();
  }

  override async execProtocolRawStream(message: Uint8Array, options: ExecProtocolOptionsStream): Promise<void> {
    const [type = 0] = message;
    if (PARTS.has(type)) this.isMidStatement = true;
    if (ENDS.has(type)) this.isMidStatement = false;
    try {
      await super.execProtocolRawStream(message, options);
    } catch (error) {
      // Statements that fail do not throw. The database itself is broken, and the socket server would wait for ever.
      console.error(error);
      process.exit(1);
    }
  }

  /** The socket server rolls back so what a client left open that is gone. */
  override async exec(query: string, options?: QueryOptions): Promise<Results[]> {
    if (this.isMidStatement) {
      this.isMidStatement = false;
      await this.execProtocolRaw(SYNC);
    }
    return super.exec(query, options);
  }
}
