/** Random numbers that are the same in every run, so that a failure repeats. */
export class SeededRandom {
  constructor(private state: number) {}

  /** From 0 (included) to 1 (excluded), by mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Both ends included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** A string of `length` characters from an alphabet. */
  text(alphabet: string, length: number): string {
    const letters = Array.from(alphabet);
    return Array.from({ length }, () => letters[this.integer(0, letters.length - 1)]).join('');
  }
}
