import { SettingsError } from './environment.js';

/** What a running app must offer so that its process can end in an orderly way. */
export interface Closable {
  close(): Promise<unknown>;
}

/**
 * Runs an app as a process: wrong settings end it with a message instead of a stack trace, a parent process (the
 * launcher, a test, pm2 with `wait_ready`) hears `ready` once it serves, and it does not outlive that parent.
 */
export const runApp = async (start: () => Promise<Closable>): Promise<void> => {
  try {
    const app = await start();
    if (!process.send) return;
    process.once('disconnect', () => void app.close().finally(() => process.exit(0)));
    process.send('ready');
  } catch (error) {
    console.error(error instanceof SettingsError ? error.message : error);
    process.exit(1);
  }
};
