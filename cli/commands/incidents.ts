import type { Command } from 'commander';
import type { IncidentView } from '../../services/protocol/client.ts';
import { CliError, EXIT } from '../errors.ts';
import { fittedTable, withData, type CommonOptions, type Io } from '../io.ts';
import { connect } from '../platform.ts';

const PAGE = 200;

export function addIncidents(program: Command, io: Io): void {
  const incidents = program.command('incidents').description('what went wrong: breaches of SLAs, and what the platform found about itself');
  withData(
    incidents.command('list', { isDefault: true }).description('incidents, newest first; also without the word `list`')
      .option('--open', 'only those that are open')
      .option('--scope <scope>', 'global (all), region:ID (with its sites) or site:ID', 'global')
      .option('--limit <n>', 'how many at most', '50'),
    io, ['tidemark incidents --open', 'tidemark incidents --scope region:eu --json | jq \'.incidents[].summary\'', 'tidemark incidents close inc-... --note "receiver restarted"'],
  ).action(async (options: CommonOptions & { open?: boolean; scope: string; limit: string }) => {
    const limit = /^[1-9][0-9]{0,5}$/.test(options.limit) ? Number(options.limit) : NaN;
    if (Number.isNaN(limit)) throw new CliError(EXIT.usage, 'usage', `--limit: expected a whole number from 1, got ${options.limit}`);
    const platform = await connect(options.data, { patienceMs: 5_000 });
    try {
      const found: IncidentView[] = [];
      let after: string | undefined;
      while (found.length < limit) {
        const page = await platform.control.incidents({
          state: options.open === true ? 'open' : 'all', scope: options.scope, limit: Math.min(PAGE, limit - found.length), ...(after === undefined ? {} : { after }),
        });
        found.push(...page.incidents);
        if (page.next === null) break;
        after = page.next;
      }
      io.out(options.json === true ? JSON.stringify({ incidents: found }) : renderIncidents(found, options.open === true, io.columns));
    } finally {
      await platform.close();
    }
  });

  withData(
    incidents.command('close').description('close an incident by hand; only what is bad after that opens a new one')
      .argument('<id>', 'inc-...').requiredOption('--note <text>', 'why: what was found, what was done'),
    io, ['tidemark incidents close inc-0123456789abcdef01234567 --note "node replaced"'],
  ).action(async (id: string, options: CommonOptions & { note: string }) => {
    const platform = await connect(options.data, { patienceMs: 5_000 });
    try {
      const closed = await platform.control.closeIncident(id, options.note);
      io.out(options.json === true ? JSON.stringify(closed) : `${closed.id}: closed`);
    } finally {
      await platform.close();
    }
  });
}

const when = (at: number): string => new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z');

export function renderIncidents(incidents: readonly IncidentView[], onlyOpen: boolean, columns?: number): string {
  if (incidents.length === 0) return onlyOpen ? 'no incident is open' : 'no incidents';
  const told = (i: IncidentView): string => {
    const count = (state: string): number => i.deliveries.filter((d) => d.state === state).length;
    const parts = [[count('delivered'), 'told'], [count('waiting'), 'waiting'], [count('given-up'), 'given up']] as const;
    return parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`).join(', ');
  };
  const rows = [['OPENED', 'CLOSED', 'SEVERITY', 'WHAT', 'SLA', 'SCOPE', 'OWNER', 'WEBHOOKS', 'ID']];
  for (const i of incidents) {
    rows.push([
      when(i.openedAt), i.closedAt === null ? 'open' : `${when(i.closedAt)}${i.closedBy === 'operator' ? ' (by hand)' : i.closedBy === 'merged' ? ' (merged)' : ''}`, i.severity, i.kind, i.sla ?? '-', i.scope,
      i.owner ?? '-', told(i), i.id,
    ]);
  }
  const open = incidents.filter((i) => i.closedAt === null);
  return [
    fittedTable(rows, new Set(), [7, 6, 1], columns),
    ...(open.length === 0 ? [] : ['', ...open.slice(0, 5).map((i) => `${i.id}: ${i.summary} What to do: ${i.runbook}`)]),
  ].join('\n');
}
