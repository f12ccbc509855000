/** How often each numbered message was run; for numbers of messages at which a list of runs would be too much. */
export class RunCount {
  private readonly counts = new Map<number, number>();
  private total = 0;

  readonly record = (data: unknown): void => {
    this.total += 1;
    const n = Number(data);
    this.counts.set(n, (this.counts.get(n) ?? 0) + 1);
  };

  /** All runs, repeated ones too. */
  get runs(): number {
    return this.total;
  }

  /** Messages that were run at all. */
  get messages(): number {
    return this.counts.size;
  }

  /** Messages that were run more than once. */
  get repeated(): number {
    return [...this.counts.values()].filter((count) => count > 1).length;
  }
}
