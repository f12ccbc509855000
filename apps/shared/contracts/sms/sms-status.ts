export type SmsState = 'queued' | 'sending' | 'sent' | 'failed';

/** Status of one SMS. */
export interface SmsStatus {
  readonly uuid: string;
  readonly status: SmsState;
  /** Attempts to hand it to the provider so far. */
  readonly attempts: number;
  /** The provider's message id, once the SMS is `sent`. */
  readonly providerMessageId?: string;
  /** Why the SMS is `failed`. */
  readonly error?: string;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const isFinal = ({ status }: SmsStatus): boolean => status === 'sent' || status === 'failed';
