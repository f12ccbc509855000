import { Inject, Injectable } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { EMAIL_NOTIFICATION, EmailRequested, SMS, SmsRequested, fittingSms } from '#contracts';
import type { NotificationPage, Recipient } from '#contracts';
import { CampaignTexts, personalised } from '../intents/campaign-texts.js';
import type { CampaignText } from '../intents/campaign-texts.js';
import { Intents } from '../intents/intents.js';
import type { IntentKey } from '../intents/intents.js';
import { messageIdOf } from '../intents/message-id.js';
import { STREAM_CLIENT } from '../../stream.client.js';
import { breachOf } from '../../validation.js';
import { smsReference } from './sms-reference.js';

/**
 * Turns recipients into messages: one intent per message, and one event on the stream of its channel. A message that
 * breaks the contract of its channel, such as one to an invalid number, is refused instead.
 */
@Injectable()
export class Notifier {
  constructor(
    @Inject(STREAM_CLIENT) private readonly client: ClientProxy,
    private readonly intents: Intents,
    private readonly texts: CampaignTexts,
  ) {}

  async notify({ campaignId, recipients }: NotificationPage): Promise<void> {
    const text = await this.texts.of(campaignId);
    if (!text) throw new Error(`There is no campaign ${campaignId}`);
    const byId = new Map(recipients.map((recipient) => [recipient.userId, recipient]));
    const intents = await this.intents.open(campaignId, [...byId.keys()]);
    await Promise.all(intents.map((intent) => this.publish(intent, text, byId.get(intent.userId))));
  }

  private async publish(intent: IntentKey, text: CampaignText, recipient: Recipient | undefined): Promise<void> {
    if (!recipient) return;
    const event = intent.channel === 'email' ? email(intent, recipient) : sms(intent, text, recipient);
    const breach = await breachOf(event);
    if (breach !== undefined) return this.intents.settle({ ...intent, state: 'refused', error: breach });
    // A mail gets no message id of its own: the id of one entry claims its intent, and a redriven copy keeps that id.
    if (event instanceof EmailRequested) return this.emit(EMAIL_NOTIFICATION, event);
    return this.emit(SMS, new RedisStreamRecordBuilder(event).setMessageId(event.uuid).build());
  }

  private async emit(pattern: string, message: object): Promise<void> {
    await lastValueFrom(this.client.emit<void>(pattern, message), { defaultValue: undefined });
  }
}

const email = ({ campaignId, userId }: IntentKey, { name, email: address }: Recipient): EmailRequested =>
  Object.assign(new EmailRequested(), { campaignId, userId, name, email: address });

const sms = (intent: IntentKey, { body }: CampaignText, { name, phone }: Recipient): SmsRequested =>
  Object.assign(new SmsRequested(), {
    uuid: messageIdOf(intent),
    number: phone,
    text: fittingSms(personalised(body, name)),
    reference: smsReference(intent),
  });
