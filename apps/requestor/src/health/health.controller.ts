import { Controller, Get, Inject, ServiceUnavailableException } from '@nestjs/common';
import type { OnApplicationBootstrap } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import type { TransportStatus } from 'nestjs-redis-stream-transport';
import { RedisStreamClient } from 'nestjs-redis-stream-transport';
import { RedisStore } from '#store';
import { MESSAGING_CLIENT } from '../messaging/messaging.client.js';
import { SETTINGS } from '../settings.js';
import type { RequestorSettings } from '../settings.js';
import { HealthDto, IllHealthDto } from './health.dto.js';

@ApiTags('health')
@Controller('health')
export class HealthController implements OnApplicationBootstrap {
  private transport: TransportStatus = 'disconnected';

  constructor(
    @Inject(MESSAGING_CLIENT) private readonly client: RedisStreamClient,
    @Inject(SETTINGS) private readonly settings: RequestorSettings,
    private readonly store: RedisStore,
  ) {}

  onApplicationBootstrap(): void {
    this.client.status.subscribe((status) => (this.transport = status));
    // Not awaited: without Redis the app still starts, and reports here that it cannot serve.
    this.client.connect().catch(() => undefined);
  }

  @Get()
  @ApiOperation({ summary: 'Whether this instance can serve' })
  @ApiOkResponse({ type: HealthDto, description: 'It can serve' })
  @ApiServiceUnavailableResponse({ type: IllHealthDto, description: 'It has no connection to Redis' })
  async health(): Promise<HealthDto> {
    // The transport's status alone would report a hanging Redis as healthy.
    const answers = await this.store.ping().then(
      () => true,
      () => false,
    );
    const isUp = answers && this.transport === 'connected';
    const health: Pick<HealthDto, keyof HealthDto> = {
      mode: 'health',
      status: isUp ? 'up' : 'down',
      instance: this.settings.instance,
      transport: this.transport,
      uptimeSeconds: Math.round(process.uptime()),
    };
    if (!isUp) throw new ServiceUnavailableException({ ...health, message: 'Redis does not answer' });
    return health;
  }
}
