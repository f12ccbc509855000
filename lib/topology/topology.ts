import { deadLetterKey } from './keys.js';
import { streamName } from './stream-name.js';

/** Patterns are few, but a client that builds patterns from data must not grow without bound. */
const MAX_KNOWN = 1_000;

/** The streams of one prefix. The only place that maps patterns to streams. */
export class Topology {
  private readonly known = new Map<string, string>();

  constructor(private readonly prefix: string) {}

  /**
   * The stream to which messages of a normalized pattern are written.
   * @throws {InvalidMessageError} if the pattern does not name a stream, or the name belongs to another stream
   */
  streamToWrite(pattern: string): string {
    return this.known.get(pattern) ?? this.learn(pattern);
  }

  /**
   * The streams that a handler of a normalized pattern reads. The pattern may name dead letters (`{orders}:dead`).
   * @throws {InvalidMessageError} if the pattern does not name a stream, or the name belongs to another stream
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
