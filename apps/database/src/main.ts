import 'reflect-metadata';
import { connect, migrate } from '#database';
import { runTask } from '#platform';
import { ProgressLine } from './progress-line.js';
import type { Progress } from './progress-line.js';
import { readSettings } from './settings.js';
import { seedUsers } from './user-seed.js';

/** Prepares the database for the responders, then exits. */
await runTask(async (tell) => {
  const { databaseUrl, users } = readSettings();
  const source = await connect(databaseUrl);
  const line = new ProgressLine('users');
  await migrate(source);
  const added = await seedUsers(source, users, (done) => {
    const progress: Progress = { done, of: users };
    // The parent process draws the progress itself: only the parent knows whether it has a terminal.
    if (!tell(progress)) line.show(progress);
  });
  console.log(`Users 1 to ${users.toLocaleString('en')} exist, ${added.toLocaleString('en')} of them new`);
  await source.destroy();
});
