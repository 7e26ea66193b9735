import type { Command } from 'commander';
import type { RunState } from '../../services/local/run-state.ts';
import { CliError, EXIT } from '../errors.ts';
import { parseSpan, withData, type CommonOptions, type Io } from '../io.ts';
import { connect } from '../platform.ts';

export function addPartition(program: Command, io: Io): void {
  withData(
    program.command('partition').description('cut a site off from the rest, in the emulated network')
      .argument('<site>', 'a region (its replicas and edge nodes stay together), a replica such as eu/1, an edge node, or the '
        + 'control plane')
      .option('--for <span>', 'heal by itself after so long: 500ms, 30s, 2m, 1h'),
    io, ['tidemark partition eu --for 30s', 'tidemark partition us-nyc-1', 'tidemark partition eu/1 && tidemark heal eu/1'],
  ).action(async (site: string, options: CommonOptions & { for?: string }) => {
    const forMs = options.for === undefined ? undefined : parseSpan(options.for);
    if (forMs === null) {
      throw new CliError(EXIT.usage, 'usage', `--for: expected a time such as 500ms, 30s, 2m or 1h, got ${options.for}`);
    }
    const platform = await connect(options.data);
    try {
      const partition = await platform.local.partition(site, forMs);
      io.out(options.json === true ? JSON.stringify(partition)
        : `${site} is cut off until ${partition.until === null ? '`tidemark heal`' : new Date(partition.until).toISOString()}; `
          + consequence(site, platform.state));
    } finally {
      await platform.close();
    }
  });
}

/** What the rest of the platform makes of it. */
export function consequence(site: string, { sites }: Pick<RunState, 'sites'>): string {
  const found = sites.find((s) => s.id === site);
  if (found?.tier === 'edge') return 'it goes on deciding, by the offline limits';
  if (found?.tier === 'region') return `region ${found.region} goes on as long as a quorum of its replicas is in reach`;
  if (found?.tier === 'global') return 'edge nodes go on deciding, by the offline limits; nothing becomes final until it is back';
  return 'its edge nodes go on deciding, by the offline limits';
}

export function addHeal(program: Command, io: Io): void {
  withData(
    program.command('heal').description(
      'end a partition, or all of them',
    ).argument('[site]', 'the site that was cut off; all, when left out'),
    io, ['tidemark heal', 'tidemark heal eu'],
  ).action(async (site: string | undefined, options: CommonOptions) => {
    const platform = await connect(options.data);
    try {
      const healed = await platform.local.heal(site);
      io.out(
        options.json === true ? JSON.stringify({ healed }) : healed.length === 0 ? 'nothing was cut off' : `healed: ${healed.join(', ')}`,
      );
    } finally {
      await platform.close();
    }
  });
}
