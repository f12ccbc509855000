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

/** Sends a message to the parent process; false when there is none that listens. */
export type TellParent = (message: unknown) => boolean;

/** Runs a task as a process that ends with it, or with its parent. A parent process hears `ready` once it is done. */
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
