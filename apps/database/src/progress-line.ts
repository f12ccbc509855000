const WIDTH = 30;
/** Without a terminal, one line per quarter is enough. */
const STEPS = 4;

export interface Progress {
  readonly done: number;
  readonly of: number;
}

/** Progress of a task: a bar that is redrawn in place on a terminal, a line per quarter elsewhere. */
export class ProgressLine {
  private stepsSaid = 0;

  /** @param say receives the lines if stdout is not a terminal */
  constructor(
    private readonly what: string,
    private readonly say: (line: string) => void = console.log,
  ) {}

  show({ done, of }: Progress): void {
    const share = done / of;
    const text = `${done.toLocaleString('en')} of ${of.toLocaleString('en')} ${this.what}`;
    if (process.stdout.isTTY) {
      const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░');
      process.stdout.write(`\r${bar} ${text}${done === of ? '\n' : ''}`);
      return;
    }
    const steps = Math.floor(share * STEPS);
    if (steps > this.stepsSaid) this.say(text);
    this.stepsSaid = steps;
  }
}
