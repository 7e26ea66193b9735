/** What a verification found: every failure with the file it is in, and how much was checked. */
import { hash } from 'node:crypto';

export interface Failure {
  /** Path within what was verified, `/` between folders. */
  readonly file: string;
  /** Index of the log entry, where it is about one. */
  readonly entry?: number;
  readonly what: string;
}

export interface Report {
  readonly kind: 'export' | 'audit' | 'receipt' | 'provenance';
  readonly ok: boolean;
  /** False when logs that trust.json names are not in the export: what is there may hold, and says nothing about those. */
  readonly complete: boolean;
  /** Names of those logs. */
  readonly missingLogs: readonly string[];
  /** Whose public keys counted: the export's own, or those that were given. Absent where no signature was checked. */
  readonly trust?: 'own' | 'given';
  /** Of the trust.json that counted, hex. */
  readonly trustSha256?: string;
  /** How many of what were checked, in the order of checking. */
  readonly checked: Readonly<Record<string, number>>;
  /** The first of them; `failureCount` is how many there are. */
  readonly failures: readonly Failure[];
  readonly failureCount: number;
  /** What could not be checked because of a failure, or is beyond what the logs cover. */
  readonly notes: readonly string[];
}

const FAILURES_MAX = 1_000;

export class Findings {
  readonly #checked = new Map<string, number>();
  readonly #failures: Failure[] = [];
  readonly #notes: string[] = [];
  readonly #missing: string[] = [];
  #count = 0;

  get failureCount(): number {
    return this.#count;
  }

  fail(file: string, what: string, entry?: number): void {
    this.#count += 1;
    if (this.#failures.length < FAILURES_MAX) this.#failures.push({ file, ...(entry === undefined ? {} : { entry }), what });
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  /** A log that belongs to the platform and is not in the export. */
  missing(log: string): void {
    this.#missing.push(log);
    this.#notes.push(`${log}: this log is not part of the export; nothing that depends on it was checked`);
  }

  count(what: string, by = 1): void {
    this.#checked.set(what, (this.#checked.get(what) ?? 0) + by);
  }

  /** Runs a check; what it throws is a failure of `file`. */
  attempt<T>(file: string, check: () => T, entry?: number): T | undefined {
    try {
      return check();
    } catch (error) {
      this.fail(file, (error as Error).message, entry);
      return undefined;
    }
  }

  /** @param trust whose keys counted, and the text of that trust.json */
  report(kind: Report['kind'], trust?: { readonly whose: 'own' | 'given'; readonly text: string }): Report {
    return {
      kind, ok: this.#count === 0, complete: this.#missing.length === 0, missingLogs: this.#missing,
      ...(trust === undefined ? {} : { trust: trust.whose, trustSha256: hash('sha256', trust.text, 'hex') }),
      checked: Object.fromEntries(this.#checked), failures: this.#failures, failureCount: this.#count,
      notes: this.#notes,
    };
  }
}

/** Where the bytes come from: a folder on disk, or what a test made up. Paths are relative, `/` between folders. */
export interface Files {
  /** Every file, in any order. */
  list(): readonly string[];
  /** @throws Error when there is no such file */
  read(path: string): Buffer;
}
