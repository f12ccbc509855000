import { once } from 'node:events';
import { runApp } from '#platform';
import { createProvider } from './provider-server.js';
import { readSettings } from './settings.js';

await runApp(async () => {
  const settings = readSettings();
  const server = createProvider(settings).listen(settings.port, settings.host);
  await once(server, 'listening');
  console.log(`SMS provider on http://${settings.host}:${settings.port}`);

  const close = async (): Promise<void> => {
    server.close();
    server.closeAllConnections();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void close().finally(() => process.exit(0)));
  }
  return { close };
});
