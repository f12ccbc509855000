import type { SmsStatus } from '../../../apps/shared/contracts/sms/sms-status.js';
import type { SentMessage } from '../../../apps/sms-provider/src/outbox.js';
import { eventually } from '../../support/eventually.js';
import { get, post } from './http.js';
import type { Answer } from './http.js';

export interface Receipt {
  readonly uuid: string;
  readonly number: string;
  readonly text: string;
  readonly status: string;
}

export interface Sent {
  readonly calls: number;
  readonly unique: number;
  readonly messages: readonly SentMessage[];
}

export const phoneNumber = (index: number): string => `+4206${String(10_000_000 + index)}`;

export const postSms = (
  base: string,
  number: string,
  text: string,
  headers: Record<string, string> = {},
): Promise<Answer<Receipt>> => post<Receipt>(`${base}/sms`, { number, text }, headers);

export const smsStatus = async (base: string, uuid: string): Promise<SmsStatus> =>
  (await get<SmsStatus>(`${base}/sms/${uuid}`)).body;

export const providerSent = async (base: string): Promise<Sent> => (await get<Sent>(`${base}/sent`)).body;

/** Resolves with the status once it is `wanted`. */
export const untilStatus = (base: string, uuid: string, wanted: string, within = 20_000): Promise<SmsStatus> =>
  eventually(
    async () => {
      const status = await smsStatus(base, uuid);
      if (status.status !== wanted) throw new Error(`Expected ${wanted}, got ${JSON.stringify(status)}`);
      return status;
    },
    { within, every: 50 },
  );
