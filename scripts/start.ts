/**
 * `npm start`: runs everything on one machine, with no setup beyond `npm install`. Prints the addresses once all
 * services answer, and stops the services in reverse order on Ctrl-C.
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

// Without a terminal, Nest prints plain lines only if NO_COLOR is set.
if (!process.stdout.isTTY) process.env['NO_COLOR'] = '1';

try {
  const addresses = await Demo.bringUp(supervisor);
  say(`Everything is up after ${Math.round(performance.now() / 1_000)} s:`);
  list(addresses);
  say('Stop with Ctrl-C.');
} catch (error) {
  if (!isStopping) {
    console.error(error instanceof Error ? error.message : error);
    await stop(1);
  }
}
