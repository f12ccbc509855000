import { SettingsError } from './environment.js';

/** What a running app must offer so that its process can shut down cleanly. */
export interface Closable {
  close(): Promise<unknown>;
}

/**
 * Runs an app as a process: invalid settings end it with a message instead of a stack trace, a parent process (the
 * launcher, a test, pm2 with `wait_ready`) receives `ready` once the app serves, and the app ends with that parent.
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

/** Sends a message to the parent process; false if no parent is listening. */
export type TellParent = (message: unknown) => boolean;

/** Runs a task as a process that ends with the task or with its parent. The parent receives `ready` after the task. */
export const runTask = async (task: (tell: TellParent) => Promise<void>): Promise<void> => {
  const abandon = (): void => process.exit(1);
  await runApp(async () => {
    process.once('disconnect', abandon);
    await task((message) => process.send?.(message) ?? false);
    process.off('disconnect', abandon);
    return { close: () => Promise.resolve() };
  });
  if (process.connected) process.disconnect();
};
