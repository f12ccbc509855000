import { once } from 'node:events';
import { Client } from 'pg';
import type { Connection, Submittable } from 'pg';

/** A statement that its client never completes with a Sync: it fails, and the server waits for the Sync. */
class UnfinishedStatement implements Submittable {
  connection: Connection | undefined;

  constructor(readonly handleError: (error: Error) => void) {}

  submit(connection: Connection): void {
    this.connection = connection;
    connection.parse({ name: '', text: 'SELECT 1 / $1::int', types: [] }, true);
    connection.bind({ values: ['0'] }, true);
    connection.execute({ portal: '', rows: '0' }, true);
    connection.flush();
  }
}

export interface StuckClient {
  /** Breaks the connection, as a kill of the client's process does. */
  hangUp(): void;
}

/** Resolves once a statement of this client has failed and the server waits for its Sync. */
export async function openStuckClient(connectionString: string): Promise<StuckClient> {
  const client = new Client({ connectionString });
  client.on('error', () => undefined); // the test breaks the connection
  await client.connect();
  const failed = new AbortController();
  const statement = new UnfinishedStatement(() => failed.abort());
  const failure = once(failed.signal, 'abort');
  client.query(statement);
  await failure;
  return { hangUp: () => statement.connection?.stream.destroy() };
}
