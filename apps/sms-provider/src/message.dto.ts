import { IsString } from 'class-validator';

export class MessageDto {
  @IsString()
  readonly number!: string;

  @IsString()
  readonly text!: string;
}
