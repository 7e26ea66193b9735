/** Figures of rules that an organisation may set otherwise. */
import type { Parameters } from './model.ts';

export const DEFAULT_PARAMETERS: Parameters = {
  requiredTags: [],
  logDays: 30,
  backupDays: 7,
};
