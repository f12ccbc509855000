import type { ConcurrencyGate } from './concurrency-gate.js';
import { EntryDecoder } from './entry-decoder.js';
import type { DecoderParts } from './entry-decoder.js';
import { EntryRun } from './entry-run.js';
import type { RunParts } from './entry-run.js';
import type { HeldEntry } from '../holding/group-stream.js';
import type { ReplyRules } from '../settling/responder.js';

export type DispatchParts = DecoderParts & Omit<RunParts, 'decoder' | 'isStopped'>;

/** Takes an entry from its bytes to its settlement. */
export class Dispatcher {
  private readonly decoder: EntryDecoder;
  private readonly runParts: RunParts;
  private isStopped = false;

  constructor(
    private readonly parts: DispatchParts,
    replyRules: ReplyRules,
  ) {
    this.decoder = new EntryDecoder(parts, replyRules);
    this.runParts = { ...parts, decoder: this.decoder, isStopped: () => this.isStopped };
  }

  /** Runs an entry that this process owns, once it has a slot. Calls `over` when the run is over. */
  run(entry: HeldEntry, gate: ConcurrencyGate, over?: () => void): void {
    entry.phase = 'queued';
    gate.enter(new EntryRun(this.runParts, entry, gate, over));
  }

  /** Gives up an entry whose consumers died as often as it may be tried. */
  abandon(entry: HeldEntry): void {
    const error = 'Its consumer died, or lost it, in every attempt';
    this.decoder.decode(entry, {
      decoded: ({ request }) => {
        if (request) this.decoder.responderOf(entry, request).failed({ status: 'error', message: error });
        this.parts.deadLetters.store(entry, 'abandoned', error);
      },
      unusable: () => undefined,
    });
  }

  /** Nothing is started any more; what runs goes on. */
  stop(): void {
    this.isStopped = true;
  }
}
