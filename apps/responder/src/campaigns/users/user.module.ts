import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { UserRow } from '#database';
import { UserController } from './user.controller.js';
import { Users } from './users.js';

@Module({ imports: [TypeOrmModule.forFeature([UserRow])], controllers: [UserController], providers: [Users] })
export class UserModule {}
