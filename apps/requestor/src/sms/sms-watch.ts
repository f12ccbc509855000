import { Injectable } from '@nestjs/common';
import type { MessageEvent, OnModuleDestroy } from '@nestjs/common';
import { EMPTY, Subject, from, interval, merge, of, timer } from 'rxjs';
import type { Observable } from 'rxjs';
import {
  catchError,
  connect,
  distinctUntilChanged,
  exhaustMap,
  last,
  map,
  startWith,
  takeUntil,
  takeWhile,
} from 'rxjs';
import { SmsRecords, isFinal } from '../../../contracts/src/index.js';
import type { SmsStatus } from '../../../contracts/src/index.js';

const POLL_MS = 200;
/** Proxies cut connections that stay silent. */
const PING_MS = 15_000;

/** Follows one SMS to its final status, for server-sent events. */
@Injectable()
export class SmsWatch implements OnModuleDestroy {
  private readonly closing = new Subject<void>();

  constructor(private readonly records: SmsRecords) {}

  /** Undefined for an unknown SMS. Ends after the final status, or with the app. */
  async open(uuid: string): Promise<Observable<MessageEvent> | undefined> {
    const first = await this.records.find(uuid);
    if (!first) return undefined;
    const changes = isFinal(first) ? of(first) : this.changes(first);
    return changes.pipe(
      map((status): MessageEvent => ({ data: status })),
      connect((events) => merge(events, pings.pipe(takeUntil(events.pipe(last(undefined, undefined)))))),
      takeUntil(this.closing),
    );
  }

  onModuleDestroy(): void {
    this.closing.next();
    this.closing.complete();
  }

  private changes(first: SmsStatus): Observable<SmsStatus> {
    return timer(POLL_MS, POLL_MS).pipe(
      // A store that is away for a moment is no reason to hang up on the viewer.
      exhaustMap(() => from(this.records.find(first.uuid)).pipe(catchError(() => EMPTY))),
      map((status) => status ?? first),
      startWith(first),
      distinctUntilChanged((before, after) => before.status === after.status && before.updatedAt === after.updatedAt),
      takeWhile((status) => !isFinal(status), true),
    );
  }
}

const pings = interval(PING_MS).pipe(map((): MessageEvent => ({ type: 'ping', data: '' })));
