/** How long, how cold, how far. */

/** Where tiles of the global log and what auditors take away are. */
export const PREFIXES = { tiles: 'tiles/', exports: 'exports/' } as const;

/** Days that nobody can delete or overwrite a version: ten years, the longest of the usual retention periods for ledgers. */
export const LOCK_DAYS = 3650;

/**
 * Exports are large and rarely read: after a quarter they go where storing costs a fifth and reading is still at once. Tiles stay
 * where they are: most are smaller than what S3 moves (128 KiB).
 */
export const LIFECYCLE = { exportsColdAfterDays: 90, exportsColdClass: 'GLACIER_IR', unfinishedUploadDays: 7 } as const;

/** Replication Time Control: https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html, 15 and nothing else. */
export const REPLICATION_MINUTES = 15;
