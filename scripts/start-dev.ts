/** `npm run start:dev -- <app>`: runs one app and restarts it whenever the apps or the library change. */
import { execaNode } from 'execa';
import { fileURLToPath } from 'node:url';
import { APPS } from './launcher/apps.js';

const project = fileURLToPath(new URL('../', import.meta.url));
const apps: string[] = Object.keys(APPS);

const app = process.argv[2];
if (app === undefined || !apps.includes(app)) {
  console.error(`Usage: npm run start:dev -- <app>, where <app> is ${apps.join(', ')}`);
  process.exit(2);
}

const watch = ['--watch', '--watch-preserve-output', '--watch-path=apps', '--watch-path=lib'];
const loader = ['--import', '@swc-node/register/esm-register'];
await execaNode(`apps/${app}/src/main.ts`, {
  nodeOptions: [...watch, ...loader],
  cwd: project,
  ipc: false,
  stdio: 'inherit',
});
