/** A run that kills its process counts as an attempt too, and a later attempt must be left to report the failure. */
export const SPARE_ATTEMPTS = 5;
