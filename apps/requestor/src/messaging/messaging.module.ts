import { Global, Module } from '@nestjs/common';
import { Acceptance } from './acceptance.js';
import { IdempotencyKeys } from './idempotency-keys.js';
import { MessagingClientModule } from './messaging.client.js';
import { Responders } from './responders.js';

/** How this app speaks with the responders: events that it accepts, questions that it passes on. */
@Global()
@Module({
  imports: [MessagingClientModule],
  providers: [Acceptance, IdempotencyKeys, Responders],
  exports: [MessagingClientModule, Acceptance, Responders],
})
export class MessagingModule {}
