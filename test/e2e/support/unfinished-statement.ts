import { once } from 'node:events';
import { Client } from 'pg';
import type { Connection, Submittable } from 'pg';

/** A statement whose client never says that it is complete: it fails, and waits for the end that does not come. */
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
  /** As a process that is killed. */
  hangUp(): void;
}

/** Resolves once a statement of this client has failed, and the client owes the server the end of it. */
export async function openStuckClient(connectionString: string): Promise<StuckClient> {
  const client = new Client({ connectionString });
  client.on('error', () => undefined); // it is to be cut off
  await client.connect();
  const failed = new AbortController();
  const statement = new UnfinishedStatement(() => failed.abort());
  const failure = once(failed.signal, 'abort');
  client.query(statement);
  await failure;
  return { hangUp: () => statement.connection?.stream.destroy() };
}
