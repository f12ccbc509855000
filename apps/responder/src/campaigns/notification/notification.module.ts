import { Module } from '@nestjs/common';
import { IntentsModule } from '../intents/intents.module.js';
import { StreamClientModule } from '../../stream.client.js';
import { NotificationController } from './notification.controller.js';
import { Notifier } from './notifier.js';

@Module({
  imports: [IntentsModule, StreamClientModule],
  controllers: [NotificationController],
  providers: [Notifier],
})
export class NotificationModule {}
