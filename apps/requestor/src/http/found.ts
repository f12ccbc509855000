import { NotFoundException } from '@nestjs/common';

/** Returns the thing, or throws a 404 with its name. */
export const found = <T>(thing: T | undefined, name: string): T => {
  if (thing === undefined) throw new NotFoundException(`There is no ${name}`);
  return thing;
};
