/** Tables in Postgres, and access to them. */
export { connect } from './connect.js';
export { DatabaseModule } from './database.module.js';
export { migrate } from './schema.js';
export { Statements, UnstorableValueError } from './statements.js';
export { StatementsModule } from './statements.module.js';
export { UserRow } from './user.entity.js';
