/** What ServiceSecrets does unless told otherwise. */
export const SERVICE_SECRETS_DEFAULTS = {
  /** Days for which a deleted secret can be brought back: the longest that Secrets Manager knows. */
  recoveryDays: 30,
} as const;

/** Secrets Manager: RecoveryWindowInDays of DeleteSecret. 0 deletes at once. */
export const RECOVERY_DAYS = { least: 7, most: 30 } as const;
