import { Inject, Injectable } from '@nestjs/common';
import type { ClientProxy } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { CAMPAIGN, MAX_USER_PAGE, NOTIFICATION, NOTIFICATION_PAGE, USER_AUDIENCE, USER_PAGE, isOver } from '#contracts';
import type { AudienceQuery, CampaignRequested, NotificationPage, User, UserAudience, UserPageQuery } from '#contracts';
import { AcceptedCampaigns } from '#store';
import { STREAM_CLIENT } from '../stream.client.js';
import { Backlog } from './backlog.js';
import { Campaigns } from './campaigns.js';
import type { FanOutState } from './campaigns.js';
import { ParkedIntents } from './parked-intents.js';

/**
 * Publishes every recipient of a campaign, page by page. A page is recorded in the database after Redis has it: the
 * successor of a process that died publishes at most that one page again, which `notification` recognizes.
 */
@Injectable()
export class FanOut {
  constructor(
    @Inject(STREAM_CLIENT) private readonly client: ClientProxy,
    private readonly campaigns: Campaigns,
    private readonly parked: ParkedIntents,
    private readonly backlog: Backlog,
    private readonly accepted: AcceptedCampaigns,
  ) {}

  /** Starts or continues a campaign from its current state; returns early if it is paused or cancelled. */
  async run(request: CampaignRequested, signal: AbortSignal): Promise<void> {
    await this.accepted.reopen(request.id);
    await this.campaigns.add(request);
    let state = await this.campaigns.state(request.id);
    if (state?.status === 'queued') state = await this.beginUnlessOrdered(request, state);
    if (!isGoingOn(state) || !(await this.handOnParked(request.id, signal))) return;
    for await (const users of this.usersOf(() => state?.cursor ?? 0, state.lastUserId)) {
      if (!isFanningOut(state) || !(await this.hasRoom(request.id, signal))) return;
      await this.handOn(request.id, users);
      const page: UserAudience = { users: users.length, lastId: users.at(-1)?.id ?? 0 };
      state = await this.campaigns.advance(request.id, state.cursor, page);
      signal.throwIfAborted();
    }
    if (isFanningOut(state)) await this.campaigns.endFanOut(request.id);
  }

  /** Makes a responder continue the campaign. */
  async announce(request: CampaignRequested): Promise<void> {
    await lastValueFrom(this.client.emit(CAMPAIGN, request), { defaultValue: undefined });
  }

  /** The campaign may have been cancelled before it was in the database, and paused or cancelled since. */
  private async beginUnlessOrdered(request: CampaignRequested, state: FanOutState): Promise<FanOutState | undefined> {
    if (await this.accepted.isCancelled(request.id)) {
      await this.campaigns.order(request.id, 'cancel');
      return this.campaigns.state(request.id);
    }
    return state.paused ? state : this.begin(request);
  }

  private async begin({ id, limit }: CampaignRequested): Promise<FanOutState | undefined> {
    const query: AudienceQuery = limit === undefined ? {} : { limit };
    await this.campaigns.begin(id, await this.ask<UserAudience>(USER_AUDIENCE, query));
    return this.campaigns.state(id);
  }

  /** The users who are not yet published. Requests the next page while the caller works on the current one. */
  private async *usersOf(cursor: () => number, lastUserId: number): AsyncGenerator<readonly User[]> {
    let next = this.page(cursor(), lastUserId);
    for (let users = await next; users.length > 0; users = await next) {
      const last = users.at(-1)?.id ?? lastUserId;
      next = this.page(last, lastUserId);
      // Awaited only later: a rejection until then must not count as unhandled.
      next.catch(() => undefined);
      yield users;
      // Another process publishes the same campaign, and is ahead.
      if (cursor() !== last) next = this.page(cursor(), lastUserId);
    }
  }

  private async page(after: number, upTo: number): Promise<readonly User[]> {
    if (after >= upTo) return [];
    const query: UserPageQuery = { after, upTo, limit: MAX_USER_PAGE };
    return this.ask<User[]>(USER_PAGE, query);
  }

  /**
   * The intents stay parked until `notification` has queued them: if this process dies, the next run finds them.
   * @returns false if the campaign is paused or over
   */
  private async handOnParked(id: string, signal: AbortSignal): Promise<boolean> {
    for await (const users of this.parked.pages(id)) {
      if (!(await this.hasRoom(id, signal))) return false;
      await this.handOn(id, users);
    }
    return true;
  }

  /** Waits for room in the streams, so that nothing is published for a campaign that was paused or is over by then. */
  private async hasRoom(id: string, signal: AbortSignal): Promise<boolean> {
    const isWanted = async (): Promise<boolean> => isGoingOn(await this.campaigns.state(id));
    await this.backlog.room(signal, isWanted);
    return isWanted();
  }

  private async handOn(campaignId: string, users: readonly User[]): Promise<void> {
    const pages: Promise<void>[] = [];
    for (let start = 0; start < users.length; start += NOTIFICATION_PAGE) {
      const recipients = users
        .slice(start, start + NOTIFICATION_PAGE)
        .map(({ id: userId, ...user }) => ({ userId, ...user }));
      const page: NotificationPage = { campaignId, recipients };
      pages.push(lastValueFrom(this.client.emit<void>(NOTIFICATION, page), { defaultValue: undefined }));
    }
    await Promise.all(pages);
  }

  private ask<T>(pattern: string, query: object): Promise<T> {
    return lastValueFrom(this.client.send<T>(pattern, query));
  }
}

const isGoingOn = (state: FanOutState | undefined): state is FanOutState =>
  state !== undefined && !state.paused && !isOver(state);

const isFanningOut = (state: FanOutState | undefined): state is FanOutState =>
  state?.status === 'fanning-out' && !state.paused;
