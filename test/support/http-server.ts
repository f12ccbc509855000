import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** An HTTP server on loopback that belongs to a test. */
export class HttpServer {
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  static start(answer: RequestListener): Promise<HttpServer> {
    return HttpServer.open(createServer(answer), 0);
  }

  static async open(server: Server, port: number): Promise<HttpServer> {
    const opened = new HttpServer(server);
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return opened;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Number of connections that are open. */
  get connections(): number {
    return this.sockets.size;
  }

  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}

const CHUNK = Buffer.alloc(65_536, 'x');

/** Answers that never end, each as fast as its client reads. */
export class EndlessAnswers {
  /** Bytes of all answers so far. */
  bytes = 0;

  readonly answer: RequestListener = (_request, response) => {
    const more = (): void => {
      this.bytes += CHUNK.length;
      response.write(CHUNK);
    };
    response.writeHead(200, { 'content-type': 'application/json' }).on('drain', more);
    more();
  };
}
