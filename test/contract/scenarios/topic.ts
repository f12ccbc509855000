import type { TargetStage } from '../../support/stage.js';

/** What differs between targets and can be seen by a client or a server. */
export interface Features {
  /** One read may ask for several streams. Otherwise a server has a reader for each hash slot. */
  readonly multiStreamRead: boolean;
  /** A server that stops can end a blocking read. Otherwise it waits until the read ends by itself, up to `block`. */
  readonly unblocksReads: boolean;
}

/** Defines the tests about one topic. All of them use the target of this stage. */
export type Topic = (stage: TargetStage, features: Features) => void;
