/** The database of the ledger. */
export { LedgerDatabase, type ExistingLedgerDatabase, type LedgerDatabaseAttributes, type LedgerDatabaseProps } from './ledger-database.ts';
