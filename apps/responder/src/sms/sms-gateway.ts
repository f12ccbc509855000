import { Inject, Injectable } from '@nestjs/common';
import type { SmsRequested } from '#contracts';
import { AnswerTooLargeError, NoAnswerError, call, printable } from '#platform';
import type { CallLimits, HttpAnswer } from '#platform';
import { SETTINGS } from '../settings.js';
import type { ResponderSettings } from '../settings.js';

const MAX_ANSWER_BYTES = 65_536;
/** Seven digits or more, as people write them: providers repeat the number that they refuse, in one form or another. */
const PHONE_NUMBER = /\+?\d(?:[ ().-]{0,2}\d){6,}/g;
/** The two 4xx statuses that are temporary and not about the message. */
const PASSING = new Set([408, 429]);

/** The provider will never accept this SMS. */
export class SmsRefusedError extends Error {
  override readonly name = 'SmsRefusedError';
}

/** The provider did not accept the SMS this time; a later call may succeed. */
export class SmsNotTakenError extends Error {
  override readonly name = 'SmsNotTakenError';
}

/** The provider has not seen the SMS, so nothing is wrong with it. */
export class SmsProviderUnreachedError extends Error {
  override readonly name = 'SmsProviderUnreachedError';
}

/**
 * The provider's HTTP API. The idempotency key is the uuid of the SMS, so a call can be repeated safely. A call takes a
 * slot of its worker, so it is bounded in time and size, and what the provider says is clipped and escaped.
 */
@Injectable()
export class SmsGateway {
  private readonly url: URL;
  private readonly limits: CallLimits;

  constructor(@Inject(SETTINGS) { smsProviderUrl, smsCallTimeoutMs }: ResponderSettings) {
    this.url = new URL('send', smsProviderUrl.endsWith('/') ? smsProviderUrl : `${smsProviderUrl}/`);
    this.limits = { timeoutMs: smsCallTimeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES };
  }

  /** @returns the provider's message id */
  async send({ uuid, number, text }: SmsRequested, signal: AbortSignal): Promise<string> {
    const { status, isOk, body } = await this.post(uuid, JSON.stringify({ number, text }), signal);
    if (isOk) return providerId(body);
    const reason = `the provider answered ${status}${detail(body)}`;
    if (status >= 400 && status < 500 && !PASSING.has(status)) throw new SmsRefusedError(reason);
    throw new SmsNotTakenError(reason);
  }

  private async post(key: string, body: string, signal: AbortSignal): Promise<HttpAnswer> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    try {
      return await call(this.url, { method: 'POST', headers, body, redirect: 'manual', signal }, this.limits);
    } catch (error) {
      if (error instanceof AnswerTooLargeError) {
        throw new SmsNotTakenError(`the provider's answer exceeds ${error.maxBytes} bytes`);
      }
      const reason = `no answer from the provider: ${(error as Error).message}`;
      if (error instanceof NoAnswerError && error.isUnreached) throw new SmsProviderUnreachedError(reason);
      throw new SmsNotTakenError(reason);
    }
  }
}

/**
 * An id that is too long or not printable is clipped and escaped, and the SMS counts as sent. The provider did accept
 * it, and answers a repeated idempotency key with the same id: if such an id were a failure, every attempt would fail,
 * and an SMS that was sent would be reported as failed and never billed. The id is only ever shown, so it does not
 * matter that two clipped ids may be equal.
 */
const providerId = (body: string): string => {
  const id = field(body, 'id');
  if (id === undefined) throw new SmsNotTakenError('the provider answered 200 without an id');
  return printable(id);
};

const detail = (body: string): string => {
  const reason = field(body, 'message') ?? field(body, 'error');
  return reason === undefined ? '' : `: ${printable(reason.replaceAll(PHONE_NUMBER, '…'))}`;
};

const field = (body: string, name: string): string | undefined => {
  try {
    const value = (JSON.parse(body) as Record<string, unknown> | null)?.[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    return undefined;
  }
};
