import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Address } from './test-target.js';

type Direction = 'up' | 'down';

export type Fault =
  | { readonly kind: 'pass' }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'swallowReplies' }
  | { readonly kind: 'blackhole'; readonly direction: Direction | 'both' }
  | { readonly kind: 'slice'; readonly bytes: number }
  | { readonly kind: 'rate'; readonly bytesPerSecond: number };

const PASS: Fault = { kind: 'pass' };

/**
 * A TCP proxy between clients and a real server that misbehaves on demand: `client → up → server`,
 * `server → down → client`. A black hole holds data back and delivers it once healed, as a network does; swallowed
 * replies are lost.
 */
export class FaultProxy {
  /** When a client's socket closes, the server still gets what the client sent: the reply is lost, not the command. */
  keepUpstreamOnClientLoss = false;
  private fault: Fault = PASS;
  private readonly links = new Set<Link>();

  private constructor(
    private readonly listener: Server,
    readonly port: number,
    private target: Address,
  ) {
    listener.on('connection', (client) => this.accept(client));
  }

  static async to(target: Address): Promise<FaultProxy> {
    const listener = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => {
      listener.listen(0, '127.0.0.1', resolve);
    });
    const { port } = listener.address() as AddressInfo;
    return new FaultProxy(listener, port, addressOf(target));
  }

  get host(): string {
    return '127.0.0.1';
  }

  /** Number of connected clients. */
  get connections(): number {
    return this.links.size;
  }

  /** Applies to open connections and to new ones. */
  set(fault: Fault): void {
    this.fault = fault;
    for (const link of this.links) link.obey(fault);
  }

  heal(): void {
    this.set(PASS);
  }

  /** Leads new connections to another server; the open ones stay where they are, as behind a load balancer. */
  moveTo(target: Address): void {
    this.target = addressOf(target);
  }

  /** Resets the socket of every client, as a peer does after a crash and a restart. */
  rst(): void {
    for (const link of this.links) link.client.resetAndDestroy();
  }

  /** Sends FIN to every client; the server still reads what they send. */
  halfClose(): void {
    for (const link of this.links) link.client.end();
  }

  async close(): Promise<void> {
    this.heal();
    for (const link of this.links) link.destroy();
    await new Promise<void>((resolve) => this.listener.close(() => resolve()));
  }

  private accept(client: Socket): void {
    const server = connect({ ...this.target, noDelay: true, allowHalfOpen: true });
    client.setNoDelay(true);
    const link = new Link(client, server, () => this.keepUpstreamOnClientLoss);
    this.links.add(link);
    client.once('close', () => this.links.delete(link));
    link.obey(this.fault);
  }
}

const addressOf = ({ host, port }: Address): Address => ({ host, port });

/** One proxied connection; the current fault applies to both directions. */
class Link {
  private fault: Fault = PASS;
  private readonly tails: Record<Direction, Promise<void>> = { up: Promise.resolve(), down: Promise.resolve() };

  constructor(
    readonly client: Socket,
    readonly server: Socket,
    keepServer: () => boolean,
  ) {
    client.on('data', (chunk) => this.carry('up', chunk));
    server.on('data', (chunk) => this.carry('down', chunk));
    client.on('end', () => this.afterLane('up', () => server.end()));
    server.on('end', () => this.afterLane('down', () => client.end()));
    client.on('error', () => undefined);
    server.on('error', () => client.destroy());
    client.once('close', () => {
      if (keepServer()) this.afterLane('up', () => server.end());
      else server.destroy();
    });
    server.once('close', () => this.afterLane('down', () => client.destroy()));
  }

  obey(fault: Fault): void {
    this.fault = fault;
    const holds = (lane: Direction): boolean =>
      fault.kind === 'blackhole' && (fault.direction === lane || fault.direction === 'both');
    if (holds('up')) this.client.pause();
    else this.client.resume();
    if (holds('down')) this.server.pause();
    else this.server.resume();
  }

  destroy(): void {
    this.client.destroy();
    this.server.destroy();
  }

  private carry(lane: Direction, chunk: Buffer): void {
    if (lane === 'down' && this.fault.kind === 'swallowReplies') return;
    const caught = performance.now();
    const fault = this.fault;
    this.tails[lane] = this.tails[lane].then(() => this.deliver(lane, chunk, fault, caught));
  }

  private async deliver(lane: Direction, chunk: Buffer, fault: Fault, caught: number): Promise<void> {
    const target = lane === 'up' ? this.server : this.client;
    if (fault.kind === 'delay') await pause(Math.max(0, caught + fault.ms - performance.now()));
    if (fault.kind === 'rate') await pause((chunk.length / fault.bytesPerSecond) * 1_000);
    const step = fault.kind === 'slice' ? fault.bytes : chunk.length;
    for (let from = 0; from < chunk.length; from += step) {
      if (target.destroyed) return;
      target.write(chunk.subarray(from, from + step));
      // The pause lets the socket send each slice as its own segment.
      if (fault.kind === 'slice') await pause(0);
    }
  }

  private afterLane(lane: Direction, then: () => void): void {
    void this.tails[lane].then(then);
  }
}
