import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger, ServiceUnavailableException } from '@nestjs/common';
import { MailSink } from '../../../apps/requestor/src/mails/mail-sink.js';
import type { MailDto } from '../../../apps/requestor/src/mails/mail.dto.js';
import type { RequestorSettings } from '../../../apps/requestor/src/settings.js';

const MAIL: MailDto = {
  id: '1',
  from: 'campaigns@example.com',
  to: 'ada@example.com',
  subject: 'Sale',
  text: 'Half price',
  listUnsubscribe: null,
  receivedAt: '2026-01-01T00:00:00.000Z',
};

const sinkAt = (mailSinkUrl: string | undefined): MailSink => new MailSink({ mailSinkUrl } as RequestorSettings);

describe('the mail sink', () => {
  const servers: Server[] = [];

  beforeAll(() => Logger.overrideLogger(false));

  afterEach(() => {
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  const serving = async (answer: RequestListener): Promise<string> => {
    const server = createServer(answer).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  it('is asked for the number of mails wanted', async () => {
    const paths: (string | undefined)[] = [];
    const url = await serving(({ url: path }, response) => {
      paths.push(path);
      response.end(JSON.stringify([MAIL]));
    });
    expect(await sinkAt(url).last(7)).toEqual({ hasSink: true, mails: [MAIL] });
    expect(paths).toEqual(['/mails?limit=7']);
  });

  it('is optional', async () => {
    expect(await sinkAt(undefined).last(7)).toEqual({ hasSink: false, mails: [] });
  });

  it.each<[string, RequestListener]>([
    ['answers with an error', (_, response) => response.writeHead(500).end()],
    ['answers with something other than JSON', (_, response) => response.end('mails')],
    ['hangs up', ({ socket }) => socket.destroy()],
    ['never answers', () => undefined],
  ])('is reported as unavailable when it %s', async (_, answer) => {
    await expect(sinkAt(await serving(answer)).last(7)).rejects.toThrow(ServiceUnavailableException);
  });
});
