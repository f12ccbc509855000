const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Whether a text has half of a surrogate pair. UTF-8 cannot encode it, so Redis would store a different text, and
 * different names would become the same.
 */
export const isIllFormed = (text: string): boolean => LONE_SURROGATE.test(text);
