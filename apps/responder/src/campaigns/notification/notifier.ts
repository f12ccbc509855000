import { Inject, Injectable } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { RedisStreamRecordBuilder } from 'nestjs-redis-stream-transport';
import { lastValueFrom } from 'rxjs';
import { v5 as uuidOf } from 'uuid';
import { EMAIL_NOTIFICATION, SMS, fittingSms } from '#contracts';
import type { EmailRequested, NotificationPage, Recipient, SmsRequested } from '#contracts';
import { CampaignTexts, personalised } from '../intents/campaign-texts.js';
import type { CampaignText } from '../intents/campaign-texts.js';
import { Intents } from '../intents/intents.js';
import type { IntentKey } from '../intents/intents.js';
import { STREAM_CLIENT } from '../../stream.client.js';
import { smsReference } from './sms-reference.js';

/** Turns recipients into messages: one intent per message, and one event on the stream of its channel. */
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
    const id = messageId(intent);
    if (intent.channel === 'email') await this.emit(EMAIL_NOTIFICATION, id, email(intent, recipient));
    else await this.emit(SMS, id, sms(intent, id, text, recipient));
  }

  private async emit(pattern: string, id: string, event: EmailRequested | SmsRequested): Promise<void> {
    const message = new RedisStreamRecordBuilder(event).setMessageId(id).build();
    await lastValueFrom(this.client.emit(pattern, message), { defaultValue: undefined });
  }
}

const email = ({ campaignId, userId }: IntentKey, { name, email: address }: Recipient): EmailRequested => ({
  campaignId,
  userId,
  name,
  email: address,
});

const sms = (intent: IntentKey, uuid: string, { body }: CampaignText, { name, phone }: Recipient): SmsRequested => ({
  uuid,
  number: phone,
  text: fittingSms(personalised(body, name)),
  reference: smsReference(intent),
});

/** Always the same for the same message, however often it is published: the SMS flow recognizes duplicates by it. */
const messageId = ({ campaignId, userId, channel }: IntentKey): string => uuidOf(`${userId}/${channel}`, campaignId);
