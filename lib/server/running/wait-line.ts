/** Slots that were passed are given back in one go when there are so many of them. */
const COMPACT_AT = 1_024;

/**
 * First in, first out, in constant time: `shift()` of an array moves all that is left of it once it has some ten thousand
 * elements, and a line of a hundred thousand took seconds of the event loop.
 */
export class WaitLine<T> {
  private items: (T | undefined)[] = [];
  private first = 0;

  get length(): number {
    return this.items.length - this.first;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.first];
    this.items[this.first++] = undefined;
    if (this.first === this.items.length) this.drop();
    else if (this.first >= COMPACT_AT && this.first * 2 >= this.items.length) this.compact();
    return item;
  }

  /** Takes all. */
  clear(): T[] {
    const items = this.items.slice(this.first) as T[];
    this.drop();
    return items;
  }

  private compact(): void {
    this.items = this.items.slice(this.first);
    this.first = 0;
  }

  private drop(): void {
    this.items = [];
    this.first = 0;
  }
}
