import { BadRequestException } from '@nestjs/common';
import type { ArgumentMetadata, PipeTransform } from '@nestjs/common';

/** Levels of a body's arrays and objects. Replies of responders must fit into the 64 levels of the transporter. */
export const MAX_BODY_DEPTH = 32;

/**
 * Refuses a body that is nested too deeply. Runs before the validation, which walks a body by recursion: 40,000 nested
 * arrays fit into a body of 80 kB, and would exhaust the stack.
 */
export class ShallowBody implements PipeTransform<unknown, unknown> {
  transform(value: unknown, { type }: ArgumentMetadata): unknown {
    if (type === 'body' && isDeeper(value, MAX_BODY_DEPTH)) {
      throw new BadRequestException(`The body is nested deeper than ${MAX_BODY_DEPTH} levels`);
    }
    return value;
  }
}

/** Never descends more than `levels`. */
const isDeeper = (value: unknown, levels: number): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
};
