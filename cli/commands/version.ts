import type { Command } from 'commander';
import { withJson, type Io } from '../io.ts';
import { version } from '../version.ts';

export function addVersion(program: Command, io: Io): void {
  withJson(
    program.command('version').description('versions of the kit and of its runtime'),
    ['tidemark version', 'tidemark version --json'],
  )
    .action((options: { json?: boolean }) => {
      const { platform, arch } = process;
      io.out(options.json === true
        ? JSON.stringify({ tidemark: version, node: process.versions.node, sqlite: process.versions['sqlite'], platform, arch })
        : `tidemark ${version} (Node ${process.versions.node}, ${platform} ${arch})`);
    });
}
