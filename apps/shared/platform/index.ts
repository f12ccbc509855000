/** What every app needs to run as a process: settings, start and stop, calls to other systems. */
export { Environment } from './environment.js';
export { AnswerTooLargeError, NoAnswerError, call } from './http-call.js';
export type { CallLimits, HttpAnswer } from './http-call.js';
export { printable } from './outside-text.js';
export { PRIVATE_MODE, makePrivate } from './private-file.js';
export { runApp, runTask } from './process-life.js';
export { lockForProcess } from './process-lock.js';
export { SettingsModule } from './settings.module.js';
export { wholeLines } from './whole-lines.js';
