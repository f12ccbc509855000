import { applyDecorators } from '@nestjs/common';
import { IsInt, Max, Min } from 'class-validator';
import { IsAudienceLimit } from './campaign.rules.js';

/** Users per page: a few hundred kilobytes. */
export const MAX_USER_PAGE = 5_000;
/** Maximum of the database type `integer`. */
export const MAX_USER_ID = 2_147_483_647;

export const IsUserId = (): PropertyDecorator => applyDecorators(IsInt(), Min(1), Max(MAX_USER_ID));

export interface User {
  readonly id: number;
  readonly name: string;
  readonly email: string;
  /** E.164. */
  readonly phone: string;
}

/** Users whose ids lie in `(after, upTo]`, lowest first. */
export class UserPageQuery {
  @IsInt()
  @Min(0)
  readonly after!: number;

  @IsInt()
  @Min(0)
  @Max(MAX_USER_ID)
  readonly upTo!: number;

  @IsInt()
  @Min(1)
  @Max(MAX_USER_PAGE)
  readonly limit!: number;
}

export class AudienceQuery {
  @IsAudienceLimit()
  readonly limit?: number;
}

/** The users a campaign addresses: those that exist when it starts, up to its limit. */
export interface UserAudience {
  readonly users: number;
  /** The highest id among them; 0 if there are none. */
  readonly lastId: number;
}
