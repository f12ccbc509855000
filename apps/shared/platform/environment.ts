import { isIPv6 } from 'node:net';
import { printable } from './outside-text.js';

/** Lists every missing or invalid setting in one message, so that one start shows all of them. */
export class SettingsError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`Settings (environment variables):\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'SettingsError';
  }
}

export interface NumberRule {
  readonly default: number;
  readonly min?: number;
  readonly max?: number;
}

/**
 * Reads settings from environment variables. Problems are collected and thrown by `verified()`; until then an invalid
 * setting reads as its default. Messages repeat the value that they reject, except texts and URLs: these may hold
 * passwords.
 */
export class Environment {
  private readonly problems: string[] = [];

  constructor(private readonly variables: NodeJS.ProcessEnv = process.env) {}

  text(name: string, fallback?: string): string {
    const value = this.read(name);
    if (value !== undefined) return value;
    if (fallback === undefined) this.problems.push(`${name} is missing`);
    return fallback ?? '';
  }

  optionalText(name: string): string | undefined {
    return this.read(name);
  }

  integer(name: string, rule: NumberRule): number {
    return this.number(name, rule, 'a whole number', (value) => /^\d+$/.test(value));
  }

  port(name: string, fallback: number): number {
    return this.integer(name, { default: fallback, min: 1, max: 65_535 });
  }

  /** A share between 0 and 1. */
  rate(name: string, fallback = 0): number {
    return this.number(name, { default: fallback, min: 0, max: 1 }, 'a number', (value) => /^\d*\.?\d+$/.test(value));
  }

  url(name: string, protocols: readonly string[]): string {
    const value = this.text(name);
    if (value !== '' && !protocols.includes(protocolOf(value))) {
      const start = protocols.map((each) => `${each}//`).join(' or ');
      this.problems.push(`${name} must be a valid URL that starts with ${start}, with a port up to 65535 if any`);
    }
    return value;
  }

  optionalUrl(name: string, protocols: readonly string[]): string | undefined {
    return this.read(name) === undefined ? undefined : this.url(name, protocols);
  }

  list(name: string): readonly string[] {
    const parts = (this.read(name) ?? '').split(',').map((part) => part.trim());
    return parts.filter((part) => part !== '');
  }

  /** Host names and addresses, without scheme and port. */
  hosts(name: string): readonly string[] {
    const hosts = this.list(name);
    const wrong = hosts.find((each) => !isHost(each));
    if (wrong !== undefined) {
      const rule = 'a comma-separated list of host names, without scheme and port';
      this.problems.push(`${name} must be ${rule}, got "${printable(wrong)}"`);
    }
    return hosts;
  }

  /** Some of `known`; all of them if the variable is not set. */
  choices<T extends string>(name: string, known: readonly T[]): readonly T[] {
    const wanted = this.list(name);
    for (const each of wanted) {
      if (!known.some((choice) => choice === each)) {
        this.problems.push(
          `${name} does not accept "${printable(each)}"; it takes a comma-separated list of ${known.join(', ')}`,
        );
      }
    }
    return wanted.length === 0 ? known : known.filter((choice) => wanted.includes(choice));
  }

  /**
   * Returns the settings that were read from this environment.
   * @throws {SettingsError} if any of them is missing or invalid
   */
  verified<T extends object>(settings: T): Readonly<T> {
    if (this.problems.length > 0) throw new SettingsError(this.problems);
    return settings;
  }

  private number(name: string, rule: NumberRule, what: string, isWellFormed: (value: string) => boolean): number {
    const { min = 0, max = Number.MAX_SAFE_INTEGER } = rule;
    const value = this.read(name);
    if (value === undefined) return rule.default;
    const parsed = Number(value);
    if (isWellFormed(value) && parsed >= min && parsed <= max) return parsed;
    const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    this.problems.push(`${name} must be ${what} ${bounds}, got "${printable(value)}"`);
    return rule.default;
  }

  /** An empty variable counts as not set: compose files turn a missing variable into an empty one. */
  private read(name: string): string | undefined {
    const value = this.variables[name]?.trim();
    return value === '' ? undefined : value;
  }
}

const isHost = (text: string): boolean => /^[\w.-]+$/.test(text) || isIPv6(text);
const protocolOf = (value: string): string => (URL.canParse(value) ? new URL(value).protocol : '');
