import type { ListedMail } from '../../../apps/mail-sink/src/listed-mail.js';
import { freePort } from '../../../scripts/free-port.js';
import { AppProcess } from '../../../scripts/launcher/app-process.js';
import type { CompiledApps } from '../../../scripts/launcher/compiled-apps.js';
import { get } from './http.js';

type Variables = Readonly<Record<string, string>>;

/** The mail sink as a process, which can be stopped and restarted on the same ports. */
export class RunningSink {
  readonly url: string;
  readonly smtpUrl: string;
  private process: AppProcess;

  private constructor(
    private readonly compiled: CompiledApps,
    private readonly env: Variables,
    port: number,
    readonly smtpPort: number,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.smtpUrl = `smtp://127.0.0.1:${smtpPort}`;
    this.process = this.launch();
  }

  static async start(compiled: CompiledApps, env: Variables = {}): Promise<RunningSink> {
    const [port, smtpPort] = [await freePort(), await freePort()];
    const ports = { PORT: String(port), SMTP_PORT: String(smtpPort) };
    const sink = new RunningSink(compiled, { ...ports, ...env }, port, smtpPort);
    await sink.process.ready;
    return sink;
  }

  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    this.process = this.launch();
    await this.process.ready;
  }

  /** @returns what ended the process */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<string> {
    await this.process.stop(signal);
    return this.process.ended;
  }

  async stats(): Promise<unknown> {
    return (await get(`${this.url}/stats`)).body;
  }

  async mails(query = ''): Promise<readonly ListedMail[]> {
    return (await get<ListedMail[]>(`${this.url}/mails${query}`)).body;
  }

  private launch(): AppProcess {
    return new AppProcess({ app: 'mail-sink', compiled: this.compiled, env: this.env });
  }
}
