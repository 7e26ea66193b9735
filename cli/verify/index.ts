/** `tidemark verify`: what a path is, and the check for it. Offline, from the bytes alone. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PROOF_HEADER } from '../../services/transparency/index.ts';
import { verifyAudit } from './audit.ts';
import { auditFolder, foreignArchive, isAudit } from './audit-files.ts';
import { verifyFolder, type FolderOptions } from './folder.ts';
import { MANIFEST } from './manifest.ts';
import { parseProvenance, verifyProvenance, verifyReceipt, type NamedProvenance } from './receipt.ts';
import type { Files, Report } from './report.ts';

export type { Report } from './report.ts';
export { verifyFolder } from './folder.ts';

/** What was asked makes no sense: nothing was verified. */
export class VerifyUsageError extends Error {
  override readonly name = 'VerifyUsageError';
}

export interface VerifyOptions {
  /** Text of the reader's own trust.json. */
  readonly trust?: string;
  /** The same, for receipts alone; exports, which bring keys, are checked with those. */
  readonly receiptTrust?: string;
  /** Bytes of the log entry that a receipt is for. */
  readonly entry?: Uint8Array;
  readonly onProgress?: NonNullable<FolderOptions['onProgress']>;
}

export function filesOf(dir: string): Files {
  return {
    list: () => readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((e) => !e.isDirectory())
      .map((e) => relative(dir, join(e.parentPath, e.name)).replaceAll('\\', '/')),
    read(path) {
      try {
        return readFileSync(join(dir, path));
      } catch (error) {
        throw new Error(
          (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : (error as Error).message,
          { cause: error },
        );
      }
    },
  };
}

type Kind = Report['kind'];

/** By what it contains, not by its name. @throws VerifyUsageError */
export function detect(path: string): Kind {
  if (!existsSync(path)) throw new VerifyUsageError(`${path}: no such file or folder`);
  if (statSync(path).isDirectory()) {
    const audit = auditFolder(path);
    const has = (name: string): boolean => existsSync(join(path, name));
    if (has(MANIFEST) || has('logs')) {
      if (audit !== path) return 'export';
      throw new VerifyUsageError(`${path}: holds files of an audit export and of \`tidemark export\`: unpack, or export, into a folder of its own`);
    }
    if (audit !== null) return 'audit';
    if (has('trust.json')) return 'export';
    throw new VerifyUsageError(`${path}: is not an export of \`tidemark export\` (it has no ${MANIFEST}), nor an audit export that was unpacked (manifest.note)`);
  }
  if (isAudit(path)) return 'audit';
  const foreign = foreignArchive(path);
  if (foreign !== null) throw new VerifyUsageError(`${path}: ${foreign}`);
  const text = readFileSync(path, 'utf8');
  if (text.startsWith(PROOF_HEADER)) return 'receipt';
  if (parseProvenance(text) !== null) return 'provenance';
  if (/\.(tlog-proof|receipt)$/.test(path)) return 'receipt';
  throw new VerifyUsageError(`${path}: is neither a receipt (${PROOF_HEADER}) nor a provenance document (JSON with an entry) `
    + `nor an audit export (tar); a folder would be an export`);
}

/**
 * Each path with what its verification found, in order. Receipts are compared with the provenance documents among the paths.
 * @throws VerifyUsageError
 */
export function verifyPaths(paths: readonly string[], options: VerifyOptions): { path: string; report: Report }[] {
  const kinds = paths.map(detect);
  const entries: Uint8Array[] = [];
  const provenances: NamedProvenance[] = [];
  // As it is, and without the newline that editors and shells put behind it.
  if (options.entry !== undefined) {
    entries.push(options.entry, ...(options.entry.at(-1) === 0x0a ? [options.entry.subarray(0, -1)] : []));
  }
  paths.forEach((path, i) => {
    if (kinds[i] === 'provenance') provenances.push({ file: path, provenance: parseProvenance(readFileSync(path, 'utf8'))! });
  });
  return paths.map((path, i) => ({ path, report: verifyOne(path, kinds[i]!, entries, provenances, options) }));
}

function verifyOne(
  path: string, kind: Kind, entries: readonly Uint8Array[], provenances: readonly NamedProvenance[], options: VerifyOptions,
): Report {
  if (kind === 'export') return verifyFolder(filesOf(path), options);
  if (kind === 'audit') return verifyAudit(path, options.trust ?? null);
  const text = readFileSync(path, 'utf8');
  if (kind === 'provenance') return verifyProvenance(path, text);
  const trust = options.trust ?? options.receiptTrust;
  if (trust === undefined) {
    throw new VerifyUsageError(`${path}: whose signatures count? Give the platform's public keys with --trust FILE (trust.json `
      + `of its data folder)`);
  }
  return verifyReceipt(path, text, entries, trust, provenances);
}
