import { isFree } from '../free-port.js';

const TRIES = 100;

/** Hands out loopback ports: the usual one, or the next that is free and nobody else's usual one, and then it says so. */
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
    throw new Error(`${service} found no free port from ${usual} on`);
  }
}
