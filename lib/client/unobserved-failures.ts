const SILENCE_MS = 10_000;
/** Distinct causes in one line. */
const MAX_CAUSES = 5;

/**
 * Reports events that were not published and whose errors have no subscriber: one line for the failures of one turn of
 * the event loop, with a count per cause, then at most one line every ten seconds.
 */
export class UnobservedFailures {
  private readonly counts = new Map<string, number>();
  private isScheduled = false;
  private silence: NodeJS.Timeout | undefined;

  constructor(private readonly report: (line: string) => void) {}

  add({ message }: Error): void {
    const cause = this.counts.has(message) || this.counts.size < MAX_CAUSES ? message : 'other causes';
    this.counts.set(cause, (this.counts.get(cause) ?? 0) + 1);
    if (this.isScheduled || this.silence) return;
    this.isScheduled = true;
    setImmediate(() => {
      this.isScheduled = false;
      this.flush();
    });
  }

  /** Reports what has not been reported yet. */
  flush(): void {
    clearTimeout(this.silence);
    this.silence = undefined;
    if (this.counts.size === 0) return;
    const causes = [...this.counts].map(([cause, count]) => `${count} × ${cause}`);
    this.counts.clear();
    this.report(`Events were not published, and no subscriber received the error: ${causes.join(' | ')}`);
    this.silence = setTimeout(() => this.flush(), SILENCE_MS).unref();
  }
}
