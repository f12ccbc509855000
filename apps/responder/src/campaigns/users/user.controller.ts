import { Controller, UsePipes } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { isInt } from 'class-validator';
import { AudienceQuery, MAX_USER_ID, USER_AUDIENCE, USER_FIND, USER_GROUP, USER_PAGE, UserPageQuery } from '#contracts';
import type { User, UserAudience } from '#contracts';
import { requestValidation } from '../../validation.js';
import { Users } from './users.js';

/** Answers requests about users. */
@Controller()
export class UserController {
  constructor(private readonly users: Users) {}

  @MessagePattern(USER_FIND, { group: USER_GROUP })
  find(@Payload('id') id: unknown): Promise<User | null> | null {
    return isInt(id) && (id as number) > 0 && (id as number) <= MAX_USER_ID ? this.users.find(id as number) : null;
  }

  @MessagePattern(USER_PAGE, { group: USER_GROUP })
  @UsePipes(requestValidation())
  page(@Payload() query: UserPageQuery): Promise<User[]> {
    return this.users.page(query);
  }

  @MessagePattern(USER_AUDIENCE, { group: USER_GROUP })
  @UsePipes(requestValidation())
  audience(@Payload() { limit }: AudienceQuery): Promise<UserAudience> {
    return this.users.audience(limit);
  }
}
