import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';

export interface LogLine {
  readonly level: 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';
  readonly text: string;
}

/** Keeps what an application would have printed, so that a test can read it and nobody has to. */
export class CapturedLog implements LoggerService {
  readonly lines: LogLine[] = [];

  log = (...message: unknown[]): void => this.keep('log', message);
  error = (...message: unknown[]): void => this.keep('error', message);
  warn = (...message: unknown[]): void => this.keep('warn', message);
  debug = (...message: unknown[]): void => this.keep('debug', message);
  verbose = (...message: unknown[]): void => this.keep('verbose', message);
  fatal = (...message: unknown[]): void => this.keep('fatal', message);

  /** Everything of one level or of all, as one text. */
  text(level?: LogLine['level']): string {
    const chosen = this.lines.filter((line) => level === undefined || line.level === level);
    return chosen.map((line) => line.text).join('\n');
  }

  clear(): void {
    this.lines.length = 0;
  }

  private keep(level: LogLine['level'], message: unknown[]): void {
    const text = message.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 6 }))).join(' ');
    this.lines.push({ level, text });
  }
}
