import type { HeldEntry } from '../holding/held-entry.js';
import { nodeOf } from '../../redis/nodes.js';
import { hashSlot } from '../../topology/keys.js';
import { NodeQueue } from './node-queue.js';
import type { QueueParts } from './node-queue.js';
import type { Responder } from './responder.js';

const DRAIN_POLL_MS = 5;

/**
 * Writes acks and replies, with one queue per Redis node: a node that hangs does not delay the others. A single server
 * is one node.
 */
export class Settler {
  private readonly queues = new Map<string, NodeQueue>();

  constructor(private readonly parts: QueueParts) {
    parts.writer.client.on('ready', () => {
      for (const queue of this.queues.values()) queue.resume();
    });
  }

  /** Parts of this reply wait to be written. */
  offer(responder: Responder): void {
    this.queueOf(responder.key).offer(responder);
  }

  /** Acks an entry whose run is over. */
  ack(entry: HeldEntry): void {
    entry.settle();
    this.enqueueAck(entry);
  }

  /** Acks an entry that is already `settling`. */
  enqueueAck(entry: HeldEntry): void {
    this.queueOf(entry.groupStream.stream).ack(entry);
  }

  /** Resolves when everything is written, or after `timeoutMs`. */
  async drained(timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!this.isIdle && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
  }

  close(): void {
    for (const queue of this.queues.values()) queue.close();
  }

  private get isIdle(): boolean {
    for (const { isIdle } of this.queues.values()) if (!isIdle) return false;
    return true;
  }

  private queueOf(key: string): NodeQueue {
    const { client, isCluster } = this.parts.writer;
    const node = isCluster ? nodeOf(client, hashSlot(key)) : '';
    let queue = this.queues.get(node);
    if (!queue) this.queues.set(node, (queue = new NodeQueue(this.parts)));
    return queue;
  }
}
