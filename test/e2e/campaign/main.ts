import { parseArgs } from 'node:util';
import { described, discrepancies } from './campaign-account.js';
import { CampaignRun } from './campaign-run.js';

/*
 * `npm run campaign -- --users 100000 --kill-every 4`: runs a campaign to all users while responders are killed, and
 * prints its totals. Exits with 1 if something does not add up.
 */
const { values } = parseArgs({
  options: {
    users: { type: 'string', default: '100000' },
    responders: { type: 'string', default: '2' },
    'kill-every': { type: 'string', default: '0' },
    'fail-rate': { type: 'string', default: '0' },
    'kill-redis': { type: 'boolean', default: false },
    within: { type: 'string', default: '3600' },
  },
});

const account = await CampaignRun.of({
  users: Number(values.users),
  responders: Number(values.responders),
  killEverySeconds: Number(values['kill-every']),
  failRate: Number(values['fail-rate']),
  isRedisKilled: values['kill-redis'],
  withinSeconds: Number(values.within),
  tell: (line) => console.log(line),
});
console.log(described(account));
const found = discrepancies(account);
console.log(found.length === 0 ? 'everything adds up' : found.join('\n'));
process.exit(found.length === 0 ? 0 : 1);
