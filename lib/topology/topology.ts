import { deadLetterKey } from './keys.js';
import { streamName } from './stream-name.js';

/** Patterns are few; a client that makes them up of data must not grow by it. */
const MAX_KNOWN = 1_000;

/** The streams of one prefix. The one place that knows which of them a pattern has. */
export class Topology {
  private readonly known = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  /**
   * The stream that messages of a normalised pattern are written to.
   * @throws {InvalidMessageError} when the pattern names no stream, or one that belongs to another
   */
  streamToWrite(pattern: string): string {
    return this.known.get(pattern) ?? this.learn(pattern);
  }

  /**
   * The streams that a handler of a normalised pattern reads. The pattern may name dead letters (`{orders}:dead`).
   * @throws {InvalidMessageError} when the pattern names no stream, or one that belongs to another
   */
  streamsToRead(pattern: string): readonly string[] {
    return [streamName(this.prefix, pattern, 'read')];
  }

  deadLettersOf(stream: string): string {
    return deadLetterKey(stream);
  }

  private learn(pattern: string): string {
    const stream = streamName(this.prefix, pattern, 'write');
    if (this.known.size >= MAX_KNOWN) this.known.clear();
    this.known.set(pattern, stream);
    return stream;
  }
}
