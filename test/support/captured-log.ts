import { inspect } from 'node:util';
import type { LoggerService } from '@nestjs/common';

export interface LogLine {
  readonly level: 'log' | 'error' | 'warn' | 'debug' | 'verbose' | 'fatal';
  readonly text: string;
}

/** Captures the log of an application: tests can read it, and it stays out of the test output. */
export class CapturedLog implements LoggerService {
  readonly lines: LogLine[] = [];

  log = (...message: unknown[]): void => this.keep('log', message);
  error = (...message: unknown[]): void => this.keep('error', message);
  warn = (...message: unknown[]): void => this.keep('warn', message);
  debug = (...message: unknown[]): void => this.keep('debug', message);
  verbose = (...message: unknown[]): void => this.keep('verbose', message);
  fatal = (...message: unknown[]): void => this.keep('fatal', message);

  /** All lines, or those of one level, joined into one text. */
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
