/** The memory of shifted items is freed in one go once there are this many. */
const COMPACT_AT = 1_024;

/**
 * A first-in, first-out queue in constant time: `shift()` of an array moves all remaining elements once there are some
 * ten thousand, and a queue of a hundred thousand blocked the event loop for seconds.
 */
export class FifoQueue<T> {
  private items: (T | undefined)[] = [];
  private first = 0;

  get length(): number {
    return this.items.length - this.first;
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Removes and returns the oldest item. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.items[this.first];
    this.items[this.first++] = undefined;
    if (this.first === this.items.length) this.drop();
    else if (this.first >= COMPACT_AT && this.first * 2 >= this.items.length) this.compact();
    return item;
  }

  /** Removes and returns all items. */
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
