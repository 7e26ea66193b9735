import type { Command } from 'commander';
import type { ServiceStatus } from '../../services/protocol/index.ts';
import { createHttpClient, type HttpClient } from '../../services/protocol/http-client.ts';
import type { LocalClient } from '../../services/local/control-client.ts';
import { CliError, EXIT } from '../errors.ts';
import { parseSpan, withData, type CommonOptions, type Io } from '../io.ts';
import { findLocal } from '../platform.ts';
import { platformStatus, renderStatus, type PlatformStatus } from '../status.ts';

const ANSWER_MS = 3_000;

export function addStatus(program: Command, io: Io): void {
  withData(
    program.command('status').description('every site: state, log size, lag per stage, what is provisional, drift')
      .option('--watch [span]', 'again and again (every 2s), until Ctrl-C; with --json one line each time'),
    io, ['tidemark status', 'tidemark status --watch 1s', 'tidemark status --json | jq \'.sites[] | {id, state}\''],
  ).action(async (options: CommonOptions & { watch?: string | true }) => {
    const everyMs = options.watch === undefined ? 0 : options.watch === true ? 2_000 : parseSpan(options.watch);
    if (everyMs === null) {
      throw new CliError(EXIT.usage, 'usage', `--watch: expected a time such as 500ms or 2s, got ${String(options.watch)}`);
    }
    const local = await findLocal(options.data);
    const http = createHttpClient();
    try {
      for (;;) {
        const status = await ask(local, http);
        const text = options.json === true ? JSON.stringify(status) : renderStatus(status, io.columns);
        // Clears the screen and goes to its top, where there is one.
        io.out(everyMs > 0 && options.json !== true && process.stdout.isTTY ? `\u001b[2J\u001b[H${text}` : text);
        if (everyMs === 0) return;
        await new Promise((resolve) => {
          setTimeout(resolve, everyMs);
        });
      }
    } finally {
      await http.close();
    }
  });
}

async function ask(local: LocalClient, http: HttpClient): Promise<PlatformStatus> {
  const run = await local.state();
  const answers = await Promise.all(run.sites.map(async (site): Promise<[string, ServiceStatus | null]> =>
    [site.id, await http.json<ServiceStatus>(`${site.url}/v1/status`, { timeoutMs: ANSWER_MS }).catch(() => null)]));
  return platformStatus(run, new Map(answers));
}
