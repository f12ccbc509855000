const ORPHAN_CHECK_MS = 250;
const SECOND_THOUGHT_MS = 500;

/** Calls back once when this process has to end: on Ctrl-C, on a signal, or because the npm that runs it has ended. */
export const onStopSignal = (stop: () => void): void => {
  let since: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Under npm one Ctrl-C arrives twice: from the terminal, and forwarded by npm. A later one means: exit now.
      if (since !== undefined && Date.now() - since > SECOND_THOUGHT_MS) process.exit(1);
      if (since !== undefined) return;
      since = Date.now();
      stop();
    });
  }
  endWithNpm();
};

/** npm runs scripts through a shell. A signal that ends only npm or the shell must not leave the services running. */
const endWithNpm = (): void => {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parent = process.ppid;
  const check = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(check);
    process.emit('SIGTERM', 'SIGTERM');
  }, ORPHAN_CHECK_MS).unref();
};
