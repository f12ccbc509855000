import semver from 'semver';
import { QuickStartGuide } from '../support/quick-start-guide.js';
import { filesIn, read } from './repository.js';

const EXAMPLE = 'examples/quick-start';
const guide = new QuickStartGuide(read('README.md'));

/** The files of the example that the reader creates with an editor. */
const edited = ['tsconfig.json', ...filesIn(`${EXAMPLE}/src`, '').map((path) => path.slice(EXAMPLE.length + 1))];

/** The major version, or none, of each package that an `npm install` names. */
const named = (command: string): Record<string, string> =>
  Object.fromEntries(
    command
      .split(' ')
      .slice(2)
      .filter((word) => !word.startsWith('-'))
      .map((word) => {
        const [, name = word, major = ''] = /^(@?[^@]+)@?(.*)$/.exec(word) ?? [];
        return [name, major] as const;
      }),
  );

describe('the quick start of the README', () => {
  const { dependencies, devDependencies } = JSON.parse(read(`${EXAMPLE}/package.json`)) as Record<
    'dependencies' | 'devDependencies',
    Record<string, string>
  >;
  const nest12 = named(guide.command(/^npm install .*@nestjs\/core@12 /));
  const nest11 = named(guide.command(/^npm install .*@nestjs\/core@11 /));

  it('has the files of examples/quick-start, word for word', () => {
    const files = edited.map((path) => [path, read(`${EXAMPLE}/${path}`)]);
    expect(Object.fromEntries(guide.files)).toEqual(Object.fromEntries(files));
  });

  it('installs the packages of examples/quick-start', () => {
    const tools = named(guide.command(/^npm install --save-dev /));
    expect(Object.keys(nest12).toSorted()).toEqual(Object.keys(dependencies).toSorted());
    expect(Object.keys(tools).toSorted()).toEqual(Object.keys(devDependencies).toSorted());
  });

  it('installs the major versions of examples/quick-start', () => {
    const majors = Object.entries(nest12).filter(([, major]) => major !== '');
    const same = majors.map(([name]) => [name, String(semver.minVersion(dependencies[name] ?? '')?.major)]);
    expect(majors).toEqual(same);
    expect(majors.length).toBeGreaterThan(0);
  });

  it('installs the same packages for NestJS 11 and for NestJS 12', () => {
    expect(Object.keys(nest11)).toEqual(Object.keys(nest12));
    expect([nest11['ioredis'], nest12['ioredis']]).toEqual(['5', '6']);
  });

  it('starts Redis with the same settings in Docker and without', () => {
    expect(guide.redisArguments).toEqual(['--maxmemory-policy', 'noeviction', '--appendonly', 'yes']);
    expect(guide.command(/^docker run /).endsWith(` ${guide.redisArguments.join(' ')}`)).toBe(true);
  });

  // The step `consumers` of `npm test` runs these, all but Docker. It does not look for others.
  it('has no command that is not tested', () => {
    const heads = guide.commands.map((command) => command.split(' ').slice(0, 2).join(' '));
    expect(heads).toEqual([
      'docker run',
      'npm init',
      'npm pkg',
      'npm install',
      'npm install',
      'npm install',
      'npx tsc',
      'node dist/service.js',
      'node dist/gateway.js',
      "curl 'http://127.0.0.1:3000/sms/price?text=Hello'",
      'curl -H',
    ]);
  });

  it('has an answer for each request', () => {
    const count = (list: readonly string[], start: string): number =>
      list.filter((each) => each.startsWith(start)).length;
    expect(count(guide.phrases, '{')).toBe(count(guide.commands, 'curl '));
  });
});
