const WINDOW_MS = 10_000;
/** The start of the names that the transport logs under; what others log is theirs. */
const OURS = 'RedisStream';

/** What the transport prints in this process: counts lines that are the same but for their numbers, in windows of ten seconds. */
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

  /** Something has happened that deserves a line of its own. */
  expect(): void {
    this.turn();
    this.expected++;
  }

  /** How often the most frequent line came, but for those that were expected. */
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
