import type { RequestListener } from 'node:http';
import { Logger, ServiceUnavailableException } from '@nestjs/common';
import { MailSink } from '../../../apps/requestor/src/campaigns/mails/mail-sink.js';
import type { MailDto } from '../../../apps/requestor/src/campaigns/mails/mail.dto.js';
import type { RequestorSettings } from '../../../apps/requestor/src/settings.js';
import { CapturedLog } from '../../support/captured-log.js';
import { failureOf } from '../../support/calls.js';
import { within } from '../../support/eventually.js';
import { amidCollections } from '../../support/garbage.js';
import { EndlessAnswers, HttpServer } from '../../support/http-server.js';

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
  const servers: HttpServer[] = [];
  const log = new CapturedLog();

  beforeAll(() => Logger.overrideLogger(log));

  beforeEach(() => log.clear());

  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  afterAll(() => Logger.overrideLogger(false));

  const serving = async (answer: RequestListener): Promise<string> => {
    const server = await HttpServer.start(answer);
    servers.push(server);
    return server.url;
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
    ['stops in the middle of its answer', (_, response) => response.writeHead(200).write('[')],
    ['answers without an end', (request, response) => new EndlessAnswers().answer(request, response)],
  ])('is reported as unavailable when it %s', async (_, answer) => {
    const failure = amidCollections(failureOf(sinkAt(await serving(answer)).last(7)));
    expect(await within(6_000, 'the failure', failure)).toBeInstanceOf(ServiceUnavailableException);
    expect(log.text('warn')).toMatch(/^Cannot list mails of the mail sink: \P{Cc}+$/u);
  });

  it('puts nothing but printable text into the log', async () => {
    const url = await serving((_, response) => response.end('\u001b[2J\n[Nest] forged'));
    await expect(sinkAt(url).last(7)).rejects.toThrow('The mail sink does not answer');
    expect(log.text('warn')).toMatch(/^Cannot list mails of the mail sink: \P{Cc}+ MailSink$/u);
    expect(log.text('warn')).toContain(String.raw`\u001b`);
  });
});
