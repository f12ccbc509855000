import { once } from 'node:events';
import { runApp } from '#platform';
import { Journal } from './journal.js';
import { Mailbox } from './mailbox.js';
import { createPageServer } from './page-server.js';
import { readSettings } from './settings.js';
import { createSmtpServer } from './smtp-server.js';

await runApp(async () => {
  const settings = readSettings();
  const { host, port, smtpPort, journal } = settings;
  const mailbox = new Mailbox(journal === undefined ? undefined : new Journal(journal));
  const smtp = createSmtpServer(settings, mailbox);
  const page = createPageServer(mailbox);
  await Promise.all([once(smtp.listen(smtpPort, host), 'listening'), once(page.listen(port, host), 'listening')]);
  console.log(`Mail sink on http://${host}:${port}, SMTP on port ${smtpPort}`);

  const close = async (): Promise<void> => {
    page.close();
    page.closeAllConnections();
    await new Promise<void>((resolve) => smtp.close(resolve));
    mailbox.close();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().finally(() => process.exit(0)));
  }
  return { close };
});
