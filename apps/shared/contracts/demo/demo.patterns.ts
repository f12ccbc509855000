/** Request: any JSON, answered with `DemoReply`. */
export const STREAM_ECHO = 'stream-1';
/** Event: any JSON; counted per instance that handled it. */
export const STREAM_NOTE = 'stream-2';
/** Request: answered with the counts, `{ [instance]: number }`. */
export const STREAM_TALLY = 'stream-tally';

export interface DemoReply {
  /** The responder that answered. */
  readonly instance: string;
  readonly payload: unknown;
}
