import 'reflect-metadata';
import { serve } from '#http';
import { runApp } from '#platform';
import { readSettings } from './settings.js';
import { SinkModule } from './sink.module.js';

await runApp(async () => {
  const settings = readSettings();
  const app = await serve(SinkModule.with(settings), settings);
  console.log(`Mail sink on http://${settings.host}:${settings.port}, SMTP on port ${settings.smtpPort}`);
  return app;
});
