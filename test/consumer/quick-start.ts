import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../scripts/free-port.js';
import type { RunningRedis } from '../../scripts/redis-server.js';
import type { QuickStartGuide } from '../support/quick-start-guide.js';
import type { Consumer } from './consumer.js';
import { curlRequest } from './curl-request.js';
import { NodeProcess } from './node-process.js';
import { PACKAGE } from './packed-library.js';
import { ProjectDirectory } from './project-directory.js';
import { outcome, type Check } from './shared/outcome.js';

export interface Variant {
  readonly nest: 11 | 12;
  readonly modules: 'cjs' | 'esm';
}

export const VARIANTS: readonly Variant[] = [
  { nest: 12, modules: 'cjs' },
  { nest: 12, modules: 'esm' },
  { nest: 11, modules: 'cjs' },
  { nest: 11, modules: 'esm' },
];

/** What Nest logs at the end of its start, for an application and for a microservice. */
const STARTED = 'successfully started';
const LISTENS_WITHIN_MS = 5_000;
const POLL_MS = 20;

/**
 * The quick start of the README, in one of its variants. Files, commands, requests and answers are those that the
 * reader sees; only the ports differ, and the tarball takes the place of the published package.
 */
export class QuickStart implements Consumer {
  readonly name: string;
  private readonly directory: ProjectDirectory;

  constructor(
    private readonly guide: QuickStartGuide,
    private readonly variant: Variant,
    cache: string,
  ) {
    this.name = `quick-start-nest${variant.nest}-${variant.modules}`;
    this.directory = new ProjectDirectory(`${cache}/${this.name}`);
  }

  async install(tarball: string): Promise<void> {
    const commands = this.setUp();
    await this.directory.install(commands.join('\n'), tarball, async () => {
      for (const command of commands) await this.directory.run(command.replace(PACKAGE, () => `'${tarball}'`));
    });
    this.directory.clear();
    for (const [path, text] of this.guide.files) this.directory.write(path, text);
  }

  async check(redis: RunningRedis): Promise<readonly string[]> {
    const compile = this.guide.command(/^npx tsc/);
    const lines = [
      await outcome(['it installs every package that it needs', () => deepStrictEqual(this.missingPackages(), [])]),
      await outcome([compile, () => this.directory.run(compile)]),
    ];
    return lines.every((line) => line.startsWith('ok ')) ? [...lines, ...(await this.runApps(redis))] : lines;
  }

  /** The commands that create the project of this variant. */
  private setUp(): readonly string[] {
    const { nest, modules } = this.variant;
    return [
      this.guide.command(/^npm init /),
      ...(modules === 'esm' ? [this.guide.command(/^npm pkg set /)] : []),
      this.guide.command(/^npm install --save-dev /),
      this.guide.command(new RegExp(`^npm install .*@nestjs/core@${nest} `)),
    ];
  }

  /** Packages that are used but not installed here. They would be found all the same: in the repository. */
  private missingPackages(): string[] {
    const sources = [...this.guide.files.values()].join('\n');
    const imported = [...sources.matchAll(/^import (?:.* from )?'([^']+)';$/gm)].map(([, name = '']) => name);
    const used = new Set([...imported, 'typescript', '@types/node']);
    return [...used].filter((name) => !this.directory.hasPackage(name));
  }

  private async runApps({ url }: RunningRedis): Promise<string[]> {
    const port = await freePort();
    const start = (command: string): NodeProcess => {
      const script = command.replaceAll(/^node | *#.*$/g, '');
      const env = { REDIS_URL: url, PORT: String(port), NO_COLOR: '1' };
      return new NodeProcess({ script, cwd: this.directory.path, env });
    };
    const service = start(this.guide.command(/^node .*service/));
    const gateway = start(this.guide.command(/^node .*gateway/));
    try {
      return await untilFailure([
        ['the service starts', () => service.wrote(STARTED)],
        ['the gateway starts', () => gateway.wrote(STARTED).then(() => listening(port))],
        ...this.conversation(service, port),
        ['the service stops on SIGTERM', async () => strictEqual(await service.stop(), 'exit code 0')],
        ['the gateway stops on SIGTERM', async () => strictEqual(await gateway.stop(), 'exit code 0')],
        ['neither logs a warning', () => deepStrictEqual([...service.complaints, ...gateway.complaints], [])],
      ]);
    } finally {
      service.kill();
      gateway.kill();
    }
  }

  /** The requests of the reader with the answers that the README promises, and the event in the log of the service. */
  private conversation(service: NodeProcess, port: number): readonly Check[] {
    const answers = this.guide.phrases.filter((phrase) => phrase.startsWith('{'));
    const curls = this.guide.commands.filter((command) => command.startsWith('curl '));
    const asked = curls.map((curl, index): Check => {
      const request = curlRequest(curl, port);
      const answer = async (): Promise<string> => (await fetch(request.url, request)).text();
      return [`${curl} prints ${answers[index]}`, async () => strictEqual(await answer(), answers[index])];
    });
    const [event] = curls.flatMap((curl) => curlRequest(curl, port).body ?? []);
    const { number, text } = JSON.parse(event ?? '{}') as { number?: string; text?: string };
    return [...asked, ['the service handles the event', () => service.wrote(`"${text}" to ${number}`)]];
  }
}

/** Nest logs that an application has started just before it listens. */
async function listening(port: number): Promise<void> {
  const until = performance.now() + LISTENS_WITHIN_MS;
  for (;;) {
    const refused = await fetch(`http://127.0.0.1:${port}/`).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refused === undefined) return;
    if (performance.now() > until) throw refused;
    await pause(POLL_MS);
  }
}

/** Each check needs the ones before it: after a failure, the others would only repeat it. */
async function untilFailure(checks: readonly Check[]): Promise<string[]> {
  const lines: string[] = [];
  for (const check of checks) {
    const line = await outcome(check);
    lines.push(line);
    if (!line.startsWith('ok ')) break;
  }
  return lines;
}
