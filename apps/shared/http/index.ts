/** What every app with an HTTP side needs: validated input, errors of one shape, a start and a stop. */
export { ErrorFilter } from './error.filter.js';
export type { ErrorAnswer, ErrorBody } from './error.filter.js';
export { badRequest, fieldErrors } from './field-errors.js';
export { OwnSiteGuard, refuseForeignRequests } from './foreign-requests.js';
export { serve } from './http-app.js';
export { ShallowBody } from './shallow-body.pipe.js';
