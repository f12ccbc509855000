/** Counts the runs of each numbered message, for tests whose list of runs would be too large. */
export class RunCount {
  private readonly counts = new Map<number, number>();
  private total = 0;

  readonly record = (data: unknown): void => {
    this.total += 1;
    const n = Number(data);
    this.counts.set(n, (this.counts.get(n) ?? 0) + 1);
  };

  /** Number of runs, including repeated ones. */
  get runs(): number {
    return this.total;
  }

  /** Number of messages that ran at least once. */
  get messages(): number {
    return this.counts.size;
  }

  /** Number of messages that ran more than once. */
  get repeated(): number {
    return [...this.counts.values()].filter((count) => count > 1).length;
  }
}
