import { Global, Module } from '@nestjs/common';
import { Acceptance } from './acceptance.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { MessagingClientModule } from './messaging.client.js';
import { Responders } from './responders.js';

/** Communication with the responders: events that this app accepts, requests that it forwards. */
@Global()
@Module({
  imports: [MessagingClientModule],
  providers: [Acceptance, IdempotencyKeys, Responders],
  exports: [MessagingClientModule, Acceptance, Responders],
})
export class MessagingModule {}
