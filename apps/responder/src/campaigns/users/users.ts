import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { LessThanOrEqual } from 'typeorm';
import type { User, UserAudience, UserPageQuery } from '#contracts';
import { UserRow } from '#database';

/** The users that a campaign can address. */
@Injectable()
export class Users {
  constructor(@InjectRepository(UserRow) private readonly users: Repository<UserRow>) {}

  find(id: number): Promise<User | null> {
    return this.users.findOneBy({ id });
  }

  /**
   * Keyset pagination: the last page is as fast as the first, and no user is skipped or repeated. Returns raw rows: to
   * turn thousands of them into entities takes longer than to read them, and they leave as JSON anyway.
   */
  page({ after, upTo, limit }: UserPageQuery): Promise<User[]> {
    return this.users
      .createQueryBuilder('each')
      .select('each.id', 'id')
      .addSelect('each.email', 'email')
      .addSelect('each.name', 'name')
      .addSelect('each.phone', 'phone')
      .where('each.id > :after AND each.id <= :upTo', { after, upTo })
      .orderBy('each.id')
      .limit(limit)
      .getRawMany<User>();
  }

  /** The users to address, lowest ids first. */
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
