import { Controller, Get, Param } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiGatewayTimeoutResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { MAX_USER_ID, USER_FIND } from '#contracts';
import type { User } from '#contracts';
import { found } from '../../http/found.js';
import { Responders } from '../../messaging/responders.js';
import { UserDto, UserParams } from './user.dto.js';

@ApiTags('users')
@Controller('api/v1/users')
export class UserController {
  constructor(private readonly responders: Responders) {}

  @Get(':id')
  @ApiOperation({ summary: 'One user, answered by a responder' })
  @ApiOkResponse({ type: UserDto })
  @ApiBadRequestResponse({ description: 'The id is not a whole number of at least 1' })
  @ApiNotFoundResponse({ description: 'No such user' })
  @ApiGatewayTimeoutResponse({ description: 'No responder answered in time' })
  async user(@Param() { id }: UserParams): Promise<User> {
    const isPossible = Number(id) <= MAX_USER_ID;
    return found(isPossible ? await this.responders.ask<User>(USER_FIND, { id: Number(id) }) : undefined, `user ${id}`);
  }
}
