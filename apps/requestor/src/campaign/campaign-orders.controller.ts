import { Controller, HttpCode, HttpStatus, Param, Post, applyDecorators } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiGatewayTimeoutResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import { isUUID } from 'class-validator';
import type { CampaignAction, CampaignStatus } from '../../../contracts/src/index.js';
import { found } from '../found.js';
import { CampaignStatusDto } from './campaign.dto.js';
import { CampaignDesk } from './campaign-desk.js';

@ApiTags('campaigns')
@Controller('api/v1/campaigns/:id')
export class CampaignOrdersController {
  constructor(private readonly desk: CampaignDesk) {}

  @Order('pause', 'Let it stand still')
  pause(@Param('id') id: string): Promise<CampaignStatus> {
    return this.order(id, 'pause');
  }

  @Order('resume', 'Let it go on')
  resume(@Param('id') id: string): Promise<CampaignStatus> {
    return this.order(id, 'resume');
  }

  @Order('cancel', 'Send nothing more of it, for good')
  cancel(@Param('id') id: string): Promise<CampaignStatus> {
    return this.order(id, 'cancel');
  }

  private async order(id: string, action: CampaignAction): Promise<CampaignStatus> {
    return found(isUUID(id) ? await this.desk.order(id, action) : undefined, `campaign ${id}`);
  }
}

/** A route that gives an order. A function, not a constant: decorators run before the constants below a class are set. */
function Order(action: CampaignAction, summary: string): MethodDecorator {
  return applyDecorators(
    Post(action),
    HttpCode(HttpStatus.OK),
    ApiOperation({ summary }),
    ApiOkResponse({ type: CampaignStatusDto, description: 'The status after it' }),
    ApiNotFoundResponse({ description: 'No such campaign' }),
    ApiConflictResponse({ description: 'It makes no sense in this state, which `campaign` in the answer shows' }),
    ApiGatewayTimeoutResponse({ description: 'No responder answered in time' }),
  );
}
