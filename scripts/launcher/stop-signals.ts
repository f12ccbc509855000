const ORPHAN_CHECK_MS = 250;
const SECOND_THOUGHT_MS = 500;

/** Calls back once when this process is to end: by Ctrl-C, by a signal, or because nobody waits for it any more. */
export const onStopSignal = (stop: () => void): void => {
  let since: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // One Ctrl-C arrives twice under npm: from the terminal, and passed on by npm. A later one means: at once.
      if (since !== undefined && Date.now() - since > SECOND_THOUGHT_MS) process.exit(1);
      if (since !== undefined) return;
      since = Date.now();
      stop();
    });
  }
  endWithNpm();
};

/** npm runs scripts through a shell. A signal that ends npm or that shell, and not us, must not leave all this behind. */
const endWithNpm = (): void => {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  const check = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(check);
    process.emit('SIGTERM', 'SIGTERM');
  }, ORPHAN_CHECK_MS).unref();
};
