const EVERY_MS = 10_000;

interface Line {
  nextAt: number;
  swallowed: number;
}

/** Writes at most one line per key in 10 s. Lines dropped in between are counted; the next line gives the number. */
export class ThrottledLog {
  private readonly lines = new Map<string, Line>();

  constructor(private readonly write: (message: string) => void) {}

  /** @param key names what equal lines have in common: the stream and the cause, not the entry */
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
