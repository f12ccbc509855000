const EVERY_MS = 10_000;

interface Line {
  nextAt: number;
  swallowed: number;
}

/** Writes one line per key in 10 s. What is swallowed in between is counted, and the count is told with the next line. */
export class ThrottledLog {
  private readonly lines = new Map<string, Line>();

  constructor(private readonly write: (message: string) => void) {}

  /** @param key what makes two lines the same: the stream and the cause, not the entry */
  warn(key: string, message: string): void {
    const now = performance.now();
    const line = this.lines.get(key);
    if (line && now < line.nextAt) {
      line.swallowed++;
      return;
    }
    this.write(line?.swallowed ? `${message} (and ${line.swallowed} more since the last line)` : message);
    this.lines.set(key, { nextAt: now + EVERY_MS, swallowed: 0 });
  }
}
