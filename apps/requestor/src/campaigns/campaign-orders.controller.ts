import { Controller, HttpCode, HttpStatus, Param, Post, applyDecorators } from '@nestjs/common';
import {
  ApiConflictResponse,
  ApiGatewayTimeoutResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { CampaignAction, CampaignStatus } from '#contracts';
import { foundByUuid } from '../http/found.js';
import { CampaignConflictDto, CampaignStatusDto } from './campaign.dto.js';
import { CampaignService } from './campaign.service.js';

@ApiTags('campaigns')
@Controller('api/v1/campaigns/:id')
export class CampaignOrdersController {
  constructor(private readonly service: CampaignService) {}

  @Order('pause', 'Pause the campaign; does nothing if it is paused')
  pause(@Param('id') id: string): Promise<CampaignStatus> {
    return this.order(id, 'pause');
  }

  @Order('resume', 'Resume the campaign; does nothing if it is not paused')
  resume(@Param('id') id: string): Promise<CampaignStatus> {
    return this.order(id, 'resume');
  }

  @Order(
    'cancel',
    'Cancel the campaign for good, whether or not it has started: no worker starts another message of it',
    'No responder answered in time; a campaign that has not started never will',
  )
  cancel(@Param('id') id: string): Promise<CampaignStatus> {
    return this.order(id, 'cancel');
  }

  private order(id: string, action: CampaignAction): Promise<CampaignStatus> {
    return foundByUuid(id, (known) => this.service.order(known, action), 'campaign');
  }
}

/** A route for one order. A function, not a constant: decorators run before the constants below the class exist. */
function Order(action: CampaignAction, summary: string, unanswered = 'No responder answered in time'): MethodDecorator {
  return applyDecorators(
    Post(action),
    HttpCode(HttpStatus.OK),
    ApiOperation({ summary }),
    ApiOkResponse({ type: CampaignStatusDto, description: 'The status after the order' }),
    ApiNotFoundResponse({ description: 'No such campaign' }),
    ApiConflictResponse({ type: CampaignConflictDto, description: 'Not possible in the current state' }),
    ApiGatewayTimeoutResponse({ description: unanswered }),
  );
}
