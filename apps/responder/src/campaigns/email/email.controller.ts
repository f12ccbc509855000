import { Controller, UsePipes } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import type { RedisStreamHandlerExtras } from 'nestjs-redis-stream-transport';
import { EMAIL_GROUP, EMAIL_NOTIFICATION, EmailRequested } from '#contracts';
import { CampaignTexts, personalised } from '../intents/campaign-texts.js';
import { Intents } from '../intents/intents.js';
import type { IntentKey, Settlement } from '../intents/intents.js';
import { messageIdOf } from '../intents/message-id.js';
import { eventValidation } from '../../validation.js';
import { MailRefusedError, Mailer } from './mailer.js';
import type { Mail } from './mailer.js';
import { retry } from './retry.js';

/** Enough for a server that refuses one mail in ten at random to accept each of a hundred thousand in the end. */
const MAX_MAIL_ATTEMPTS = 10;
/** A run that kills its process counts as an attempt too, and a later attempt must be left to report the failure. */
const SPARE_ATTEMPTS = 5;
const MAILS: RedisStreamHandlerExtras = {
  group: EMAIL_GROUP,
  maxAttempts: MAX_MAIL_ATTEMPTS + SPARE_ATTEMPTS,
  backoff: { delay: 500, maxDelay: 30_000 },
};

type Result = Pick<Settlement, 'state' | 'error'>;

/**
 * Sends the mails of a campaign. The result is counted before the entry is acked, and no other entry may send the same
 * mail: a mail goes out twice only if the process dies between the mail server's answer and the count.
 */
@Controller()
export class EmailController {
  constructor(
    private readonly mailer: Mailer,
    private readonly intents: Intents,
    private readonly texts: CampaignTexts,
  ) {}

  // Without `<string>` Nest 12 takes the overload for typed event maps, which allows no typed second parameter.
  @EventPattern<string>(EMAIL_NOTIFICATION, MAILS)
  @UsePipes(eventValidation())
  async send(@Payload() event: EmailRequested, @Ctx() ctx: RedisStreamContext): Promise<void> {
    const intent: IntentKey = { campaignId: event.campaignId, userId: event.userId, channel: 'email' };
    // Not the id of the entry: a dead letter whose entry was trimmed is redriven as a copy with another id.
    if (!(await this.intents.claim({ ...intent, entry: ctx.getMessageId() }))) return;
    const result = await this.deliver(event, intent, ctx);
    await retry(() => this.intents.settle({ ...intent, ...result }), ctx.signal);
    if (result.state === 'exhausted') ctx.deadLetter(result.error ?? '');
  }

  /** @throws {Error} if another attempt may succeed */
  private async deliver(event: EmailRequested, intent: IntentKey, ctx: RedisStreamContext): Promise<Result> {
    if (ctx.getAttempt() > MAX_MAIL_ATTEMPTS)
      return { state: 'exhausted', error: 'every attempt ended without a result' };
    const mail = await this.write(event, messageIdOf(intent));
    const failure = await this.mailer.send(mail, ctx.signal).then(
      () => undefined,
      (error: Error) => error,
    );
    if (!failure) return { state: 'sent' };
    if (failure instanceof MailRefusedError) return { state: 'refused', error: failure.message };
    // An aborted run has lost its entry to another process, and with it the right to give up on the mail.
    if (ctx.signal.aborted || ctx.getAttempt() < MAX_MAIL_ATTEMPTS) throw failure;
    return { state: 'exhausted', error: failure.message };
  }

  private async write({ campaignId, userId, name, email }: EmailRequested, messageId: string): Promise<Mail> {
    const text = await this.texts.of(campaignId);
    if (!text) throw new Error(`There is no campaign ${campaignId}`);
    return {
      messageId: `<${messageId}@campaigns.example>`,
      to: { name, address: email },
      subject: personalised(text.subject, name),
      text: personalised(text.body, name),
      unsubscribe: `mailto:unsubscribe@campaigns.example?subject=${campaignId}.${userId}`,
    };
  }
}
