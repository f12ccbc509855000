import { Module } from '@nestjs/common';
import { CampaignTexts } from './campaign-texts.js';
import { Intents } from './intents.js';

@Module({ providers: [CampaignTexts, Intents], exports: [CampaignTexts, Intents] })
export class IntentsModule {}
