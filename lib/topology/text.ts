const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Whether a text has half of a surrogate pair. UTF-8 cannot say it, so Redis would store another text than the one that was
 * meant, and names that differ would become one.
 */
export const isIllFormed = (text: string): boolean => LONE_SURROGATE.test(text);
