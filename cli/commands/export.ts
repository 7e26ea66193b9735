import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { writeExport } from '../export/write.ts';
import { counted, withData, type CommonOptions, type Io } from '../io.ts';
import { connect, logSources } from '../platform.ts';
import { createProgress } from '../progress.ts';
import { version } from '../version.ts';

export function addExport(program: Command, io: Io): void {
  withData(
    program.command('export').description('write an auditor\'s bundle: every log in the published layouts, keys, '
      + 'policies, manifest')
      .argument(
        '<dir>', 'folder to write; an export that was cut off goes on',
      ).option('--force', 'replace an earlier export there'),
    io, ['tidemark export audit-2026-11', 'tidemark export audit --force && tidemark verify audit'],
  ).action(async (dir: string, options: CommonOptions & { force?: boolean }) => {
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === false) {
      throw new CliError(EXIT.usage, 'usage', `${dir}: is a file; name a folder`);
    }
    const platform = await connect(options.data, { patienceMs: 15_000 });
    const progress = createProgress('export');
    try {
      const exported = await writeExport(dir, {
        trust: platform.trust, sources: logSources(platform), version, now: () => new Date(), force: options.force === true,
        onProgress: (log, done, total) => progress.update(done, total, log),
      });
      progress.stop();
      for (const left of exported.left) io.err(`left out: ${left}`);
      io.out(options.json === true ? JSON.stringify(exported)
        : `${dir}: ${counted(exported.logs.length, 'log')}, ${counted(exported.files, 'file')}, `
          + `${(exported.bytes / 1e6).toFixed(1)} MB\n`
          + `${exported.logs.map((l) => `  ${l.name}: ${counted(l.size, 'entry', 'entries')}`).join('\n')}\n`
          + `check it with: tidemark verify ${dir}`);
    } finally {
      progress.stop();
      await platform.close();
    }
  });
}
