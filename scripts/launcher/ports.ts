import { isFree } from '../free-port.js';

const TRIES = 100;

/** Hands out loopback ports: the usual one, or else the next free one that is not another service's usual port. */
export class Ports {
  private readonly given = new Set<number>();

  constructor(
    private readonly usualOnes: ReadonlySet<number>,
    private readonly say: (line: string) => void,
  ) {}

  async claim(service: string, usual: number): Promise<number> {
    for (let port = usual; port < usual + TRIES; port++) {
      if (port !== usual && this.usualOnes.has(port)) continue;
      if (this.given.has(port) || !(await isFree(port))) continue;
      this.given.add(port);
      if (port !== usual) this.say(`Port ${usual} is taken: ${service} uses ${port} instead`);
      return port;
    }
    throw new Error(`There is no free port for ${service} from ${usual} to ${usual + TRIES - 1}`);
  }
}
