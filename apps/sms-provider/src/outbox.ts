import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { PRIVATE_MODE, makePrivate, wholeLines } from '#platform';

export interface SentMessage {
  readonly id: string;
  readonly key: string;
  readonly number: string;
  readonly text: string;
  readonly at: string;
}

/** The messages that the provider has sent. One idempotency key sends one message, however often it is used. */
export class Outbox {
  private readonly byKey = new Map<string, SentMessage>();

  constructor(private readonly journal?: string) {
    if (journal === undefined) return;
    makePrivate(journal); // it holds phone numbers and texts
    for (const line of wholeLines(journal)) this.recall(line);
  }

  get messages(): readonly SentMessage[] {
    return [...this.byKey.values()];
  }

  get unique(): number {
    return this.byKey.size;
  }

  send(key: string, number: string, text: string): SentMessage {
    const known = this.byKey.get(key);
    if (known) return known;
    const message: SentMessage = { id: `msg-${randomUUID()}`, key, number, text, at: new Date().toISOString() };
    if (this.journal !== undefined)
      appendFileSync(this.journal, `${JSON.stringify(message)}\n`, { mode: PRIVATE_MODE });
    this.byKey.set(key, message);
    return message;
  }

  private recall(line: string): void {
    try {
      const message = JSON.parse(line) as SentMessage;
      this.byKey.set(message.key, message);
    } catch {
      // an earlier version wrote the next message behind a line that a kill had cut short
    }
  }
}
