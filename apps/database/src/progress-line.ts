const WIDTH = 30;
/** Where nothing can be drawn over, a line for each quarter is enough. */
const STEPS = 4;

/** How far a task is: a bar that is drawn over itself on a terminal, now and then a line elsewhere. */
export class ProgressLine {
  private stepsSaid = 0;

  constructor(
    private readonly what: string,
    private readonly out: NodeJS.WriteStream = process.stdout,
  ) {}

  show(done: number, of: number): void {
    const share = done / of;
    const text = `${done.toLocaleString('en')} of ${of.toLocaleString('en')} ${this.what}`;
    if (this.out.isTTY) {
      const bar = '█'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '░');
      this.out.write(`\r${bar} ${text}${done === of ? '\n' : ''}`);
      return;
    }
    const steps = Math.floor(share * STEPS);
    if (steps === this.stepsSaid) return;
    this.stepsSaid = steps;
    this.out.write(`${text}\n`);
  }
}
