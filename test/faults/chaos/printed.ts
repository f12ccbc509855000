const WINDOW_MS = 10_000;
/** Prefix of the transport's logger names; lines of other loggers do not count. */
const OURS = 'RedisStream';

/** Counts the lines that the transport prints in this process, with numbers masked, in windows of ten seconds. */
export class Printed {
  private readonly counts = new Map<string, number>();
  private expected = 0;
  private windowEnds = performance.now() + WINDOW_MS;

  static ofThisProcess(): Printed {
    const printed = new Printed();
    for (const stream of [process.stdout, process.stderr]) {
      const write = stream.write.bind(stream);
      stream.write = (chunk: string | Uint8Array, ...rest: []) => {
        printed.add(String(chunk));
        return write(chunk, ...rest);
      };
    }
    return printed;
  }

  add(text: string): void {
    this.turn();
    for (const line of text.split('\n')) {
      if (!line.includes(OURS)) continue;
      const masked = line
        .slice(line.indexOf(OURS))
        .replace(/\u001b\[\d+m/g, '')
        .replace(/\d+/g, '#');
      this.counts.set(masked, (this.counts.get(masked) ?? 0) + 1);
    }
  }

  /** Allows one more line in this window, for an event that justifies its own line. */
  expect(): void {
    this.turn();
    this.expected++;
  }

  /** The most frequent line, and how often it came beyond the expected lines. */
  mostFrequent(): { line: string; lineCount: number } {
    let most: [string, number] = ['', 0];
    for (const entry of this.counts) if (entry[1] > most[1]) most = entry;
    return { line: most[0].slice(0, 200), lineCount: Math.max(0, most[1] - this.expected) };
  }

  private turn(): void {
    if (performance.now() < this.windowEnds) return;
    this.counts.clear();
    this.expected = 0;
    this.windowEnds = performance.now() + WINDOW_MS;
  }
}
