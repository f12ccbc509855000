import { randomUUID } from 'node:crypto';
import type { Journal } from './journal.js';
import { messageIdOf } from './message-id.js';

export const MAX_KEPT_MAILS = 1_000;
/** Of a larger mail the beginning is kept. */
const MAX_KEPT_BYTES = 65_536;

/** A mail as it came in. Few of them are ever looked at, so it is decoded only then. */
export interface KeptMail {
  readonly id: string;
  readonly raw: Buffer;
  readonly receivedAt: Date;
}

/** Counts all mails and keeps the last ones. */
export class Mailbox {
  private received = 0;
  private readonly messageIds = new Set<string>();
  private readonly kept: KeptMail[] = [];

  constructor(private readonly journal?: Journal) {
    for (const id of journal?.ids ?? []) this.count(id);
  }

  /** `unique` counts a mail once, however often it came in: it goes by the Message-ID. */
  get stats(): { readonly received: number; readonly unique: number } {
    return { received: this.received, unique: this.messageIds.size };
  }

  /** @returns the id that the mail has here */
  take(mail: Buffer): string {
    const id = randomUUID();
    const messageId = messageIdOf(mail) ?? id;
    this.journal?.append(messageId);
    this.count(messageId);
    this.kept.push({ id, raw: Buffer.from(mail.subarray(0, MAX_KEPT_BYTES)), receivedAt: new Date() });
    if (this.kept.length > MAX_KEPT_MAILS) this.kept.shift();
    return id;
  }

  /** Newest first. */
  last(limit: number): readonly KeptMail[] {
    return this.kept.slice(-limit).toReversed();
  }

  close(): void {
    this.journal?.close();
  }

  private count(messageId: string): void {
    this.received += 1;
    this.messageIds.add(messageId);
  }
}
