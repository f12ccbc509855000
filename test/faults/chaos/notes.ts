import { readFileSync } from 'node:fs';

/** What a worker records about a run; written to a file at once, so that it outlives the worker. */
export interface RunNote {
  /** `left`: a streamed reply ended before it was complete. */
  readonly fact: 'started' | 'done' | 'failed' | 'left';
  readonly n: number;
  readonly id: string;
  readonly stream: string;
  readonly group: string;
  readonly attempt: number;
  readonly pid: number;
  /** Milliseconds since the epoch: one machine, one clock. */
  readonly at: number;
}

/** A request that a worker did not run, because its caller had already given up. */
export interface ExpiryNote {
  readonly fact: 'expired';
  readonly id: string;
  readonly stream: string;
  readonly pid: number;
  readonly at: number;
}

/** What a worker uses and prints, recorded every half second. */
export interface SampleNote {
  readonly fact: 'sample';
  readonly pid: number;
  readonly at: number;
  readonly rssMb: number;
  readonly heapMb: number;
  /** The most frequent line of the current ten seconds, with its numbers masked; `lineCount` is how often it came. */
  readonly line: string;
  readonly lineCount: number;
}

export type Note = RunNote | ExpiryNote | SampleNote;

/** Notes of all workers, by kind. */
export interface Notes {
  readonly runs: readonly RunNote[];
  readonly expired: readonly ExpiryNote[];
  readonly samples: readonly SampleNote[];
}

/** Skips incomplete lines: a killed worker may leave one. */
export function readNotes(files: readonly string[]): Notes {
  const lines = files.flatMap((file) => readFileSync(file, 'utf8').split('\n'));
  const runs: RunNote[] = [];
  const expired: ExpiryNote[] = [];
  const samples: SampleNote[] = [];
  for (const line of lines) {
    if (!line.endsWith('}')) continue;
    const note = JSON.parse(line) as Note;
    if (note.fact === 'expired') expired.push(note);
    else if (note.fact === 'sample') samples.push(note);
    else runs.push(note);
  }
  return { runs, expired, samples };
}

/** Milliseconds since the epoch, not affected by steps of this process's wall clock. */
export const monotonicNow = (): number => performance.timeOrigin + performance.now();
