import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { layoutOf } from '../../services/local/provision.ts';
import { CliError, EXIT } from '../errors.ts';
import { withData, type CommonOptions, type Io } from '../io.ts';
import { createProgress } from '../progress.ts';
import type { Ending } from '../program.ts';
import { verifyPaths, type Report } from '../verify/index.ts';

export function addVerify(program: Command, io: Io, ending: Ending): void {
  withData(
    program.command('verify').description('check offline: a receipt, a provenance entry (decided again), or a whole export')
      .argument('<path...>', 'receipts (tlog-proof), provenance documents (JSON), export folders; what each is, is seen '
        + 'from its content')
      .option('--trust <file>', 'whose signatures count: your own copy of the platform\'s trust.json (that of the data folder, '
        + 'when it is there)')
      .option('--entry <file>', 'the log entry that a receipt is for; a provenance document among the paths does as well'),
    io, [
      'tidemark verify audit', 'tidemark verify audit --trust trust.json',
      'tidemark verify receipt.tlog-proof provenance.json', 'tidemark verify provenance.json --json',
    ],
  ).action((paths: string[], options: CommonOptions & { trust?: string; entry?: string }) => {
    const trust = options.trust === undefined ? null : readGiven(options.trust);
    const own = layoutOf(options.data).trust;
    const progress = createProgress('verify');
    const results = verifyPaths(paths, {
      // An export carries keys of its own: those of the data folder must not stand against another platform's.
      ...(trust !== null ? {
        trust: trust.toString('utf8'),
      } : paths.every((p) => !isFolder(p)) && existsSync(own) ? { trust: readFileSync(own, 'utf8') } : {}),
      ...(options.entry === undefined ? {} : { entry: readGiven(options.entry) }),
      onProgress: (what, done, total) => progress.update(done, total, what),
    });
    progress.stop();
    const ok = results.every((r) => r.report.ok);
    if (!ok) ending.code = EXIT.failed;
    if (options.json === true) {
      io.out(JSON.stringify({ ok, results: results.map(({ path, report }) => ({ path, ...report })) }));
      return;
    }
    for (const { path, report } of results) show(path, report, io);
  });
}

const isFolder = (path: string): boolean => existsSync(`${path}/.`);

function readGiven(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CliError(EXIT.usage, 'usage', `${path}: ${(error as Error).message}`);
  }
}

const SHOWN_MAX = 50;

function show(path: string, report: Report, io: Io): void {
  io.out(`${path} (${report.kind}): ${report.ok ? 'everything holds' : `${report.failureCount} FAILURES`}`);
  for (const [what, count] of Object.entries(report.checked)) io.out(`  ${String(count).padStart(9)}  ${what}`);
  for (const note of report.notes) io.out(`  note: ${note}`);
  for (const f of report.failures.slice(0, SHOWN_MAX)) {
    io.out(`  FAILED ${f.file}${f.entry === undefined ? '' : `, entry ${f.entry}`}: ${f.what}`);
  }
  if (report.failureCount > SHOWN_MAX) {
    io.out(`  ... and ${report.failureCount - SHOWN_MAX} more${report.failures.length > SHOWN_MAX ? ' (--json has them)' : ''}`);
  }
}
