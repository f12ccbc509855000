import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('users')
export class UserRow {
  @PrimaryColumn('integer')
  readonly id!: number;

  @Column('text', { unique: true })
  readonly email!: string;

  @Column('text')
  readonly name!: string;

  /** E.164. */
  @Column('text')
  readonly phone!: string;
}
