/** A fenced block; a line before it that is only a path names the file that the block is for. */
const BLOCK = /(?:^`([\w./-]+)`:\n\n)?^```(\w+)\n(.*?)^```$/gms;

/** The section "Quick start" of the README, taken apart into what a reader copies. */
export class QuickStartGuide {
  /** The text of each file, by its path. */
  readonly files: ReadonlyMap<string, string>;
  /** The lines of the shell blocks, in order. */
  readonly commands: readonly string[];
  /** The pieces of code within the prose, in order. */
  readonly phrases: readonly string[];

  constructor(readme: string) {
    const section = readme.split(/^## /m).find((part) => part.startsWith('Quick start\n'));
    if (section === undefined) throw new Error('The README has no section "Quick start"');

    const blocks = [...section.matchAll(BLOCK)].map(([, path, language, text = '']) => ({ path, language, text }));
    this.files = new Map(blocks.flatMap(({ path, text }) => (path === undefined ? [] : [[path, text]])));
    this.commands = blocks.flatMap(({ language, text }) => (language === 'sh' ? text.trimEnd().split('\n') : []));
    this.phrases = [...section.replaceAll(BLOCK, '').matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
  }

  /** The arguments of the `redis-server` that the reader starts. */
  get redisArguments(): readonly string[] {
    return this.phrase(/^redis-server /)
      .split(' ')
      .slice(1);
  }

  /** The one command that matches. @throws {Error} if none does, or more than one */
  command(pattern: RegExp): string {
    return onlyOne(this.commands, pattern);
  }

  /** The one piece of code within the prose that matches. @throws {Error} if none does, or more than one */
  phrase(pattern: RegExp): string {
    return onlyOne(this.phrases, pattern);
  }
}

function onlyOne(candidates: readonly string[], pattern: RegExp): string {
  const [found, ...others] = candidates.filter((candidate) => pattern.test(candidate));
  if (found === undefined || others.length > 0) {
    const count = found === undefined ? 0 : others.length + 1;
    throw new Error(`Expected one match of ${pattern} in the quick start, got ${count}: ${candidates.join(' | ')}`);
  }
  return found;
}
