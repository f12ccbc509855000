import { PGlite } from '@electric-sql/pglite';
import type { ExecProtocolOptionsStream, QueryOptions, Results } from '@electric-sql/pglite';

const SYNC = Uint8Array.of('S'.charCodeAt(0), 0, 0, 0, 4);
const bytes = (types: string): ReadonlySet<number> => new Set(Buffer.from(types));
/** Parse, bind, describe, execute, close, flush: more of the same statement follows. */
const PARTS = bytes('PBDECH');
/** Sync and query: the server reports that it is ready for the next statement. */
const ENDS = bytes('SQ');

/**
 * PGlite's single session, adapted to its socket server. That server switches between connections after every message
 * and stays with one connection only during a transaction. The messages of a parameterized statement must stay together
 * as well: two interleaved statements get each other's answers, and after a failed statement the server skips the
 * messages of the other connection, whose statement then looks successful.
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
      // A failed statement does not throw, so the database itself is broken, and the socket server would wait forever.
      console.error(error);
      process.exit(1);
    }
  }

  /** The socket server calls this to roll back what a disconnected client left open. */
  override async exec(query: string, options?: QueryOptions): Promise<Results[]> {
    if (this.isMidStatement) {
      this.isMidStatement = false;
      await this.execProtocolRaw(SYNC);
    }
    return super.exec(query, options);
  }
}
