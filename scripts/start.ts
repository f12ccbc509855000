/**
 * `npm start`: everything on one machine, with no set-up beyond `npm install`. Prints the addresses once all of it
 * answers, and stops it in reverse order on Ctrl-C.
 */
import { list, say } from './launcher/console.js';
import { Demo } from './launcher/demo.js';
import { onStopSignal } from './launcher/stop-signals.js';
import { Supervisor } from './launcher/supervisor.js';

const supervisor = new Supervisor(say);
const stop = async (code: number): Promise<never> => {
  await supervisor.stop();
  process.exit(code);
};

let isStopping = false;
onStopSignal(() => {
  isStopping = true;
  say('Stopping ...');
  void stop(0);
});

// Nest colours its lines for terminals only if it is told where there is none.
if (!process.stdout.isTTY) process.env['NO_COLOR'] = '1';

try {
  const addresses = await Demo.bringUp(supervisor);
  say(`Everything is up, ${Math.round(performance.now() / 1_000)} s after the start:`);
  list(addresses);
  say('Stop with Ctrl-C.');
} catch (error) {
  if (!isStopping) {
    console.error(error instanceof Error ? error.message : error);
    await stop(1);
  }
}
