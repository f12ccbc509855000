import { randomUUID } from 'node:crypto';
import type { Journal } from './journal.js';
import { messageIdOf } from './message-id.js';

export const MAX_KEPT_MAILS = 1_000;
/** Only the beginning of a larger mail is kept. */
const MAX_KEPT_BYTES = 65_536;

/** A mail as received. Few mails are ever viewed, so a mail is decoded only then. */
export interface KeptMail {
  readonly id: string;
  readonly raw: Buffer;
  readonly receivedAt: Date;
}

/** Counts all mails and keeps the latest ones. */
export class Mailbox {
  private received = 0;
  private readonly messageIds = new Set<string>();
  private readonly kept: KeptMail[] = [];

  constructor(private readonly journal?: Journal) {
    for (const id of journal?.ids ?? []) this.count(id);
  }

  /** `unique` counts mails by Message-ID: once, however often a mail arrived. */
  get stats(): { readonly received: number; readonly unique: number } {
    return { received: this.received, unique: this.messageIds.size };
  }

  /** @returns the sink's own id of the mail */
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
