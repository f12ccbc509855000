import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { Between, LessThanOrEqual } from 'typeorm';
import { UserRow } from '../../../database/src/user.entity.js';
import type { User, UserAudience, UserPageQuery } from '../../../contracts/src/index.js';

/** Those who can be written to. */
@Injectable()
export class Users {
  constructor(@InjectRepository(UserRow) private readonly users: Repository<UserRow>) {}

  find(id: number): Promise<User | null> {
    return this.users.findOneBy({ id });
  }

  /** By keyset: as quick at the end as at the beginning, and nobody is skipped or repeated. */
  page({ after, upTo, limit }: UserPageQuery): Promise<User[]> {
    return this.users.find({ where: { id: Between(after + 1, upTo) }, order: { id: 'ASC' }, take: limit });
  }

  /** Who is there to address, lowest ids first. */
  async audience(limit: number | undefined): Promise<UserAudience> {
    const lastId = (limit && (await this.nth(limit))?.id) ?? (await this.newest())?.id ?? 0;
    return { users: await this.users.countBy({ id: LessThanOrEqual(lastId) }), lastId };
  }

  private async nth(position: number): Promise<UserRow | undefined> {
    const [user] = await this.users.find({ order: { id: 'ASC' }, skip: position - 1, take: 1 });
    return user;
  }

  private async newest(): Promise<UserRow | undefined> {
    const [user] = await this.users.find({ order: { id: 'DESC' }, take: 1 });
    return user;
  }
}
