import 'reflect-metadata';
import { runTask } from '../../platform/src/process-life.js';
import { connect } from './connect.js';
import { ProgressLine } from './progress-line.js';
import type { Progress } from './progress-line.js';
import { migrate } from './schema.js';
import { readSettings } from './settings.js';
import { seedUsers } from './user-seed.js';

/** Brings the database to where the responders need it, and ends. */
await runTask(async (tell) => {
  const { databaseUrl, users } = readSettings();
  const source = await connect(databaseUrl);
  const line = new ProgressLine('users');
  await migrate(source);
  const added = await seedUsers(source, users, (done) => {
    const progress: Progress = { done, of: users };
    // A parent shows it itself: it alone knows whether there is a terminal.
    if (!tell(progress)) line.show(progress);
  });
  console.log(`${users.toLocaleString('en')} users are there, ${added.toLocaleString('en')} of them new`);
  await source.destroy();
});
