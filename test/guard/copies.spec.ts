import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { ROOT } from './repository.js';

/** Runs a module in which `esm` and `cjs` are the two built copies, and returns what it puts into `result`. */
function withBothCopies(code: string): unknown {
  const module = `
    import 'reflect-metadata';
    import { createRequire } from 'node:module';
    import { pathToFileURL } from 'node:url';
    const root = ${JSON.stringify(ROOT)};
    const require = createRequire(root + 'index.js');
    const esm = await import(pathToFileURL(root + 'dist/esm/index.js'));
    const cjs = require(root + 'dist/cjs/index.js');
    const { of, lastValueFrom, throwError } = await import('rxjs');
    const result = {};
    ${code}
    process.stdout.write(JSON.stringify(result));`;
  const args = ['--input-type=module', '-e', module];
  return JSON.parse(execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' }));
}

describe('two copies of the package in one process, one imported and one required', () => {
  beforeAll(() => {
    if (!existsSync(`${ROOT}dist`)) throw new Error('dist is missing: run `npm run build` first');
  });

  it('are distinct, and share the symbol that binds handlers', () => {
    const result = withBothCopies(`
      result.areTwo = esm.RedisStreamServer !== cjs.RedisStreamServer;
      result.symbol = esm.REDIS_STREAM_TRANSPORT === cjs.REDIS_STREAM_TRANSPORT;`);
    expect(result).toEqual({ areTwo: true, symbol: true });
  });

  it("recognize each other's errors, and tell the classes apart", () => {
    const result = withBothCopies(`
      for (const [a, b] of [[esm, cjs], [cjs, esm]]) {
        const closed = new a.TransportClosedError();
        class Own extends b.RedisStreamError {}
        (result.seen ??= []).push([
          closed instanceof b.TransportClosedError,
          closed instanceof b.RedisStreamError,
          closed instanceof b.RequestTimeoutError,
          closed instanceof Own,
          new a.RedisStreamOptionError('x', 'y', 1) instanceof b.RedisStreamOptionError,
          new a.RedisStreamUnrecoverableError('no') instanceof b.RedisStreamUnrecoverableError,
          new Error('no') instanceof b.RedisStreamError,
          Object.create(null) instanceof b.RedisStreamError,
          null instanceof b.RedisStreamError,
        ]);
      }`);
    const seen = [true, true, false, false, true, true, false, false, false];
    expect(result).toEqual({ seen: [seen, seen] });
  });

  it("recognize each other's records", () => {
    const result = withBothCopies(`
      const record = (copy) => new copy.RedisStreamRecordBuilder({ a: 1 }).setMessageId('m').build();
      result.seen = [record(esm) instanceof cjs.RedisStreamRecord, record(cjs) instanceof esm.RedisStreamRecord];`);
    expect(result).toEqual({ seen: [true, true] });
  });

  it("record the original error on each other's contexts, and recognize each other's unrecoverable errors", () => {
    const details = `{ stream: 's', pattern: 's', id: '1-1', group: 'g', consumer: 'c', attempt: 1, headers: {}, isRequest: false }`;
    const result = withBothCopies(`
      const path = 'errors/unrecoverable.error.js';
      const marks = [
        [esm, (await import(pathToFileURL(root + 'dist/esm/' + path))).isUnrecoverable],
        [cjs, require(root + 'dist/cjs/' + path).isUnrecoverable],
      ];
      for (const [a, b] of [[esm, cjs], [cjs, esm]]) {
        const context = new a.RedisStreamContext(${details});
        const thrown = new Error('the cause');
        const run = new b.RedisStreamErrorInterceptor().intercept(
          { getArgs: () => [{}, context] },
          { handle: () => throwError(() => thrown) },
        );
        await lastValueFrom(run).catch(() => undefined);
        const payload = new a.RedisStreamUnrecoverableError('no').getError();
        (result.seen ??= []).push([context.failure === thrown, ...marks.map(([, isMarked]) => isMarked(payload))]);
      }`);
    expect(result).toEqual({
      seen: [
        [true, true, true],
        [true, true, true],
      ],
    });
  });

  it('both know that an interceptor exists, whichever copy created it', () => {
    const result = withBothCopies(`
      const seen = () => [esm, cjs].map((copy) => copy.RedisStreamErrorInterceptor.isInUse);
      result.before = seen();
      new cjs.RedisStreamErrorInterceptor();
      result.after = seen();`);
    expect(result).toEqual({ before: [false, false], after: [true, true] });
  });
});
