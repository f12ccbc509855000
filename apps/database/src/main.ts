import 'reflect-metadata';
import { runTask } from '../../platform/src/process-life.js';
import { connect } from './connect.js';
import { ProgressLine } from './progress-line.js';
import { migrate } from './schema.js';
import { readSettings } from './settings.js';
import { seedUsers } from './user-seed.js';

/** Brings the database to where the responders need it, and ends. */
await runTask(async (tell) => {
  const { databaseUrl, users } = readSettings();
  const source = await connect(databaseUrl);
  const line = new ProgressLine('users');
  await migrate(source);
  const added = await seedUsers(source, users, (there) => {
    // A parent draws it itself, for it alone knows whether there is a terminal.
    if (!tell({ progress: { done: there, of: users } })) line.show(there, users);
  });
  console.log(`${users.toLocaleString('en')} users are there, ${added.toLocaleString('en')} of them new`);
  await source.destroy();
});
