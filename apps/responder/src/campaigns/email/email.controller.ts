import { Controller, Logger, UsePipes } from '@nestjs/common';
import type { OnModuleDestroy } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { RedisStreamContext } from 'nestjs-redis-stream-transport';
import type { RedisStreamHandlerExtras } from 'nestjs-redis-stream-transport';
import { EMAIL_GROUP, EMAIL_NOTIFICATION, EmailRequested } from '#contracts';
import { CampaignTexts, personalised } from '../intents/campaign-texts.js';
import { Intents } from '../intents/intents.js';
import type { IntentKey, Settlement } from '../intents/intents.js';
import { messageIdOf } from '../intents/message-id.js';
import { pauseAfter, retry } from '../../retry.js';
import { SPARE_ATTEMPTS } from '../../spare-attempts.js';
import { eventValidation } from '../../validation.js';
import { MailRefusedError, MailServerAwayError, Mailer } from './mailer.js';
import type { Mail } from './mailer.js';

/** Enough for a server that refuses one mail in ten at random to accept each of a hundred thousand in the end. */
const MAX_MAIL_ATTEMPTS = 10;
const MAILS: RedisStreamHandlerExtras = {
  group: EMAIL_GROUP,
  maxAttempts: MAX_MAIL_ATTEMPTS + SPARE_ATTEMPTS,
  backoff: { delay: 500, maxDelay: 30_000 },
};

/** For how long a claim is good. Less than any lease. */
const FRESH_MS = 400;
const AWAY_PAUSE_MS = 500;
const MAX_AWAY_PAUSE_MS = 10_000;

type Result = Pick<Settlement, 'state' | 'error'>;

/**
 * Sends the mails of a campaign. The result is counted before the entry is acked, and no other entry may send the same
 * mail: a mail goes out twice only if the process dies, or is frozen for longer than its lease, between the mail server's
 * answer and the count.
 */
@Controller()
export class EmailController implements OnModuleDestroy {
  private readonly logger = new Logger(EmailController.name);
  private readonly closing = new AbortController();
  private isServerAway = false;

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
    const result = await this.deliverOnceReachable(event, intent, ctx);
    if (!result) return;
    await retry(() => this.intents.settle({ ...intent, ...result }), ctx.signal);
    if (result.state === 'exhausted') ctx.deadLetter(result.error ?? '');
  }

  /** Otherwise the transporter would wait for the mails that wait for the mail server. */
  onModuleDestroy(): void {
    this.closing.abort();
  }

  /**
   * Waits while the mail server cannot be reached, so that its absence uses up no attempts. Claims the intent before each
   * try: the campaign may be paused or cancelled meanwhile.
   * @returns undefined if the mail is not to be sent, or not by this entry
   */
  private async deliverOnceReachable(
    event: EmailRequested,
    intent: IntentKey,
    ctx: RedisStreamContext,
  ): Promise<Result | undefined> {
    // Not the id of the entry: a dead letter whose entry was trimmed is redriven as a copy with another id.
    const claim = { ...intent, entry: ctx.getMessageId() };
    for (let pause = AWAY_PAUSE_MS; ; pause = Math.min(2 * pause, MAX_AWAY_PAUSE_MS)) {
      const asked = performance.now();
      if (!(await this.intents.claim(claim))) return undefined;
      try {
        return await this.mailer.whenFree(async () => {
          // This process may have been frozen, and another one may have sent the mail: the signal aborts only later.
          const isStale = performance.now() - asked > FRESH_MS;
          return isStale && !(await this.intents.claim(claim)) ? undefined : this.deliver(event, intent, ctx);
        });
      } catch (error) {
        if (!(error instanceof MailServerAwayError)) throw error;
        this.noteAway(error);
        await pauseAfter(error, pause, AbortSignal.any([ctx.signal, this.closing.signal]));
      }
    }
  }

  /**
   * @throws {MailServerAwayError} if the mail server cannot be reached
   * @throws {Error} if another attempt may succeed
   */
  private async deliver(event: EmailRequested, intent: IntentKey, ctx: RedisStreamContext): Promise<Result> {
    if (ctx.getAttempt() > MAX_MAIL_ATTEMPTS)
      return { state: 'exhausted', error: 'every attempt ended without a result' };
    const mail = await this.write(event, messageIdOf(intent));
    const failure = await this.mailer.send(mail, ctx.signal).then(
      () => undefined,
      (error: Error) => error,
    );
    if (!failure) {
      this.isServerAway = false;
      return { state: 'sent' };
    }
    if (failure instanceof MailRefusedError) return { state: 'refused', error: failure.message };
    // An aborted run has lost its entry to another process, and with it the right to give up on the mail.
    const isAway = failure instanceof MailServerAwayError;
    if (ctx.signal.aborted || isAway || ctx.getAttempt() < MAX_MAIL_ATTEMPTS) throw failure;
    return { state: 'exhausted', error: failure.message };
  }

  private noteAway({ message }: MailServerAwayError): void {
    if (!this.isServerAway) this.logger.warn(`Mails wait: ${message}`); // once, not for each mail
    this.isServerAway = true;
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
