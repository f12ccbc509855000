/** What every app with an HTTP side needs: validated input, errors of one shape, a start and a stop. */
export { ErrorFilter, bodyFor } from './error.filter.js';
export type { ErrorAnswer, ErrorBody, KnownErrors } from './error.filter.js';
export { badRequest, fieldErrors } from './field-errors.js';
export { createHttpApp, serve } from './http-app.js';
export { ShallowBody } from './shallow-body.pipe.js';
