import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

/** Sends the first line of its script as a greeting, and the next line whenever it receives data. */
export class ScriptedMailServer {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly script: readonly string[]) {
    this.server = createServer((socket) => this.converse(socket));
  }

  static async start(script: readonly string[]): Promise<ScriptedMailServer> {
    const scripted = new ScriptedMailServer(script);
    await once(scripted.server.listen(0, '127.0.0.1'), 'listening');
    return scripted;
  }

  /** Host and port. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private converse(socket: Socket): void {
    this.sockets.add(socket);
    const lines = [...this.script];
    const say = (): void => {
      const line = lines.shift();
      if (line !== undefined) socket.write(`${line}\r\n`);
    };
    socket.on('error', () => undefined); // the client may disconnect in the middle
    socket.on('data', say);
    say();
  }
}
