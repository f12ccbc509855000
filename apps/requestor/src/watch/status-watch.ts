import type { MessageEvent, OnModuleDestroy } from '@nestjs/common';
import { ReplaySubject, Subject, defer, from, interval, merge, of, timer } from 'rxjs';
import type { Observable } from 'rxjs';
import {
  catchError,
  concatMap,
  connect,
  distinctUntilChanged,
  exhaustMap,
  filter,
  finalize,
  last,
  map,
  share,
  takeUntil,
  takeWhile,
} from 'rxjs';

/** Proxies close connections that stay silent. */
const PING_MS = 15_000;

export interface WatchRules<T extends object> {
  readonly pollMs: number;
  /** Undefined for an unknown id. */
  find(id: string): Promise<T | undefined>;
  isOver(status: T): boolean;
}

/** Result of one poll. `stalled`: the source of the status did not answer, and is polled again. */
export type Sighting<T> = { readonly state: 'seen'; readonly status: T } | { readonly state: 'stalled' };

/**
 * Follows a status to its end, as server-sent events. Each change is an event; while the source does not answer, there
 * is one event of the type `stalled`. All viewers of the same id in this process share one poll.
 */
export class StatusWatch<T extends object> implements OnModuleDestroy {
  private readonly closing = new Subject<void>();
  private readonly polls = new Map<string, Observable<Sighting<T>>>();

  constructor(private readonly rules: WatchRules<T>) {}

  /** Undefined for an unknown id. Ends after the final status, or with the app. */
  async open(id: string): Promise<Observable<MessageEvent> | undefined> {
    if (!this.polls.has(id) && !(await this.rules.find(id))) return undefined;
    return this.asEvents(this.sightings(id), (status) => [{ data: status }]);
  }

  onModuleDestroy(): void {
    this.closing.next();
    this.closing.complete();
  }

  /** The latest sighting immediately, then each change. */
  protected sightings(id: string): Observable<Sighting<T>> {
    return defer(() => this.polls.get(id) ?? this.startPoll(id));
  }

  /** `tell` turns a status into any number of events. */
  protected asEvents(
    sightings: Observable<Sighting<T>>,
    tell: (status: T) => readonly MessageEvent[],
  ): Observable<MessageEvent> {
    return sightings.pipe(
      concatMap((sighting) => (sighting.state === 'stalled' ? [STALLED_EVENT] : tell(sighting.status))),
      connect((events) => merge(events, pings.pipe(takeUntil(events.pipe(last(undefined, undefined)))))),
      takeUntil(this.closing),
    );
  }

  private startPoll(id: string): Observable<Sighting<T>> {
    const { rules } = this;
    const poll = timer(0, rules.pollMs).pipe(
      // A short outage of the source must not disconnect the viewers.
      exhaustMap(() =>
        from(rules.find(id)).pipe(
          map(sightingOf),
          catchError(() => of(STALLED)),
        ),
      ),
      filter((sighting) => sighting !== undefined),
      distinctUntilChanged((before, after) => JSON.stringify(before) === JSON.stringify(after)),
      takeWhile((sighting) => sighting.state === 'stalled' || !rules.isOver(sighting.status), true),
      finalize(() => this.polls.delete(id)),
      share({ connector: () => new ReplaySubject(1) }),
    );
    this.polls.set(id, poll);
    return poll;
  }
}

const STALLED = { state: 'stalled' } as const;
const STALLED_EVENT: MessageEvent = { type: 'stalled', data: '' };

const pings = interval(PING_MS).pipe(map((): MessageEvent => ({ type: 'ping', data: '' })));

const sightingOf = <T>(status: T | undefined): Sighting<T> | undefined => status && { state: 'seen', status };
