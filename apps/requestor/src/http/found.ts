import { NotFoundException } from '@nestjs/common';
import { isUUID } from 'class-validator';

/** Returns the thing, or throws a 404 with its name. */
export const found = <T>(thing: T | undefined, name: string): T => {
  if (thing === undefined) throw new NotFoundException(`There is no ${name}`);
  return thing;
};

/** Looks a thing up by its uuid, or throws a 404 with its name. Any other text is the id of nothing. */
export const foundByUuid = async <T>(
  uuid: string,
  find: (uuid: string) => Promise<T | undefined>,
  kind: string,
): Promise<T> => found(isUUID(uuid) ? await find(uuid) : undefined, `${kind} ${uuid}`);
