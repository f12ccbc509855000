import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { jest } from '@jest/globals';
import { ask } from '../support/calls.js';
import { useStage } from '../support/stage.js';
import type { Stage } from '../support/stage.js';

@Controller()
class Echo {
  @MessagePattern('echo', { group: 'first', concurrency: 1 })
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @EventPattern('told', { group: 'second', concurrency: 1 })
  told(@Payload() _data: unknown): void {
    // The test needs only its reader.
  }
}

const warnings = (stage: Stage): string[] =>
  stage.log.lines.filter(({ level }) => level === 'warn').map(({ text }) => text);

describe('a service that boots on a Redis that may lose data', () => {
  const stage = useStage({ args: ['--maxmemory-policy', 'allkeys-lru'] });

  it('warns about each setting once, for any number of connections and reconnects', async () => {
    await stage.serve([Echo]);
    await stage.killConnections();
    expect(await ask(stage.client(), 'echo', 1)).toBe(1);
    const said = warnings(stage);
    expect(said.filter((text) => text.includes('maxmemory-policy is "allkeys-lru"'))).toHaveLength(1);
    expect(said.filter((text) => text.includes('appendonly is off'))).toHaveLength(1);
    expect(said).toHaveLength(2);
  });
});

describe('a service that boots on a well-configured Redis', () => {
  const stage = useStage({ appendonly: true, args: ['--maxmemory-policy', 'noeviction'] });

  it('logs no warning', async () => {
    await stage.serve([Echo]);
    expect(warnings(stage)).toEqual([]);
  });

  it('warns about what it could not check, and serves, where INFO is forbidden', async () => {
    // ioredis writes to the console that it skips its ready check.
    const printed = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    await stage.raw.call('ACL', 'SETUSER', 'blind', 'on', '>secret', '~*', '+@all', '-info');
    await stage.serve([Echo], { connection: { ...stage.connection, username: 'blind', password: 'secret' } });
    expect(warnings(stage)).toEqual([expect.stringMatching(/INFO is not permitted.*maxmemory-policy and persistence/)]);
    expect(await ask(stage.client(), 'echo', 1)).toBe(1);
    printed.mockRestore();
  });
});
