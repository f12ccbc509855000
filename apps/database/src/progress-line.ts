const WIDTH = 30;
/** Where nothing can be drawn over, a line for each quarter is enough. */
const STEPS = 4;

export interface Progress {
  readonly done: number;
  readonly of: number;
}

/** How far a task is: a bar that is drawn over itself on a terminal, now and then a line elsewhere. */
export class ProgressLine {
  private stepsSaid = 0;

  /** @param say told the lines */
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
