import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { layoutOf } from '../../services/local/provision.ts';
import { parseTrust } from '../../services/transparency/index.ts';
import { CliError, EXIT } from '../errors.ts';
import { counted, withData, type CommonOptions, type Io } from '../io.ts';
import { createProgress } from '../progress.ts';
import type { Ending } from '../program.ts';
import { verifyPaths, type Report } from '../verify/index.ts';

export function addVerify(program: Command, io: Io, ending: Ending): void {
  withData(
    program.command('verify').description('check offline: a receipt, a provenance entry (decided again), a whole export, or an audit export of a range')
      .argument('<path...>', 'receipts (tlog-proof), provenance documents (JSON), export folders, audit exports (the tar archive, or the '
        + 'folder that it was unpacked into); what each is, is seen from its content')
      .option('--trust <file>', 'whose signatures count: your own copy of the platform\'s trust.json (left out: for receipts '
        + 'that of the data folder, for exports that of the data folder where --data names one, else the one in the export)')
      .option('--entry <file>', 'the log entry that a receipt is for, where it does not carry it itself, or to compare'),
    io, [
      'tidemark verify audit', 'tidemark verify audit --trust trust.json',
      'tidemark verify receipt.tlog-proof', 'tidemark verify receipt.tlog-proof provenance.json',
      'tidemark verify provenance.json --json', 'tidemark verify audit-global-2026-11-21T1400Z-2026-11-21T1500Z.tar --trust trust.json',
    ],
  ).action((paths: string[], options: CommonOptions & { trust?: string; entry?: string }, command: Command) => {
    const trust = trustOf(options, command.getOptionValueSource('data') === 'cli');
    const progress = createProgress('verify');
    const results = verifyPaths(paths, {
      ...(trust === null ? {} : trust.forExports ? { trust: trust.text } : { receiptTrust: trust.text }),
      ...(options.entry === undefined ? {} : { entry: readGiven(options.entry, '--entry') }),
      onProgress: (what, done, total) => progress.update(done, total, what),
    });
    progress.stop();
    const ok = results.every((r) => r.report.ok);
    if (!ok) ending.code = EXIT.failed;
    if (options.json === true) {
      io.out(JSON.stringify({ ok, results: results.map(({ path, report }) => ({ path, ...report })) }));
      return;
    }
    for (const { path, report } of results) show(path, report, trust?.path ?? null, io);
  });
}

/** The reader's own trust.json: the one named, or that of the data folder, which counts for exports only where that was named. */
function trustOf(
  options: CommonOptions & { trust?: string }, dataNamed: boolean,
): { path: string; text: string; forExports: boolean } | null {
  const path = options.trust ?? layoutOf(options.data).trust;
  const asked = options.trust !== undefined || dataNamed;
  if (!asked && !existsSync(path)) return null;
  const what = options.trust !== undefined ? '--trust' : '--data';
  const text = readGiven(path, what).toString('utf8');
  try {
    parseTrust(text);
  } catch (error) {
    throw new CliError(EXIT.usage, 'usage', `${what} ${path}: is not a trust.json: ${(error as Error).message}`);
  }
  return { path, text, forExports: asked };
}

function readGiven(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a folder; name a file' : message;
    throw new CliError(EXIT.usage, 'usage', `${option} ${path}: ${why}`);
  }
}

const SHOWN_MAX = 50;

/** What holds, and under whose keys: without keys from elsewhere an export can only be consistent with itself. */
function headline(report: Report, trustPath: string | null): string {
  if (!report.ok) return counted(report.failureCount, 'FAILURE');
  const gap = report.complete ? '' : `; NOT in this export: ${report.missingLogs.join(', ')}`;
  const what = report.complete ? '' : 'what is here ';
  if (report.trust === 'own') {
    return `${what}holds, under the keys that the export itself brings (compare trust.json's SHA-256 ${report.trustSha256} `
      + `with one that you got from the operator, or pass --trust)${gap}`;
  }
  const whose = report.trust === 'given' && trustPath !== null ? `, under the keys of ${trustPath}` : '';
  return `${report.complete ? 'everything ' : what}holds${whose}${gap}`;
}

function show(path: string, report: Report, trustPath: string | null, io: Io): void {
  io.out(`${path} (${report.kind}): ${headline(report, trustPath)}`);
  for (const [what, count] of Object.entries(report.checked)) io.out(`  ${String(count).padStart(9)}  ${what}`);
  for (const note of report.notes) io.out(`  note: ${note}`);
  for (const f of report.failures.slice(0, SHOWN_MAX)) {
    io.out(`  FAILED ${f.file}${f.entry === undefined ? '' : `, entry ${f.entry}`}: ${f.what}`);
  }
  if (report.failureCount > SHOWN_MAX) {
    io.out(`  ... and ${report.failureCount - SHOWN_MAX} more${report.failures.length > SHOWN_MAX ? ' (--json has them)' : ''}`);
  }
}
