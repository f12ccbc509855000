import 'reflect-metadata';
import { serve } from '#http';
import { runApp } from '#platform';
import { ProviderModule } from './provider.module.js';
import { readSettings } from './settings.js';

await runApp(async () => {
  const settings = readSettings();
  const app = await serve(ProviderModule.with(settings), settings);
  console.log(`SMS provider on http://${settings.host}:${settings.port}`);
  return app;
});
