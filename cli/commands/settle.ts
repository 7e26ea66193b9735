import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import type { EdgeClient, SettlementView } from '../../services/protocol/client.ts';
import { checkId, parseAmount, showAmount } from '../amounts.ts';
import { CliError, EXIT } from '../errors.ts';
import { parseSpan, withData, type CommonOptions, type Io } from '../io.ts';
import { assetScales, connect, edgeOf } from '../platform.ts';
import type { Ending } from '../program.ts';

const POLL_MS = 50;

export function addSettle(program: Command, io: Io, ending: Ending): void {
  withData(
    program.command('settle').description('settle: move an amount from one account to another, at an edge node')
      .argument('<debit>', 'account that pays').argument('<credit>', 'account that receives')
      .argument('<amount>', 'in the asset\'s own units: 12.50').argument('<asset>', 'EUR')
      .option('--site <edge>', 'the edge node to settle at (the first, when left out)')
      .option('--id <id>', 'id of the settlement; repeating a command with the same id is safe (a new one, when left out)')
      .option('--minor', 'the amount is in minor units')
      .option('--wait [span]', 'wait until it is final or rejected, at most so long (30s)'),
    io, ['tidemark settle alice bob 12.50 EUR', 'tidemark settle alice bob 12.50 EUR --site us-iad-1 --id '
      + 'invoice-17 --wait', 'tidemark settle alice bob 1250 EUR --minor --json'],
  ).action(async (debit: string, credit: string, text: string, asset: string, options: CommonOptions & { site?: string; id?: string; minor?: boolean; wait?: string | true }) => {
    const waitMs = options.wait === undefined ? 0 : options.wait === true ? 30_000 : parseSpan(options.wait);
    if (waitMs === null) {
      throw new CliError(EXIT.usage, 'usage', `--wait: expected a time such as 500ms, 30s or 2m, got ${String(options.wait)}`);
    }
    checkId(debit, 'debit');
    checkId(credit, 'credit');
    if (options.id !== undefined) checkId(options.id, '--id');
    const platform = await connect(options.data, { patienceMs: 10_000 });
    try {
      const scales = assetScales(options.data);
      const amount = parseAmount(text, asset, scales, options.minor === true);
      const { id: site, client } = edgeOf(platform, options.site);
      const receipt = await client.settle(
        { id: options.id ?? `cli-${randomUUID()}`, asset, debitAccount: debit, creditAccount: credit, amount },
      );
      if (options.json !== true) {
        io.out(`${receipt.id}: ${receipt.state}${receipt.reason === undefined ? '' : ` (${receipt.reason})`} at ${site}, entry `
          + `${receipt.index} of its log, decided ${receipt.mode}: ${showAmount(amount.toString(), asset, scales)} from `
          + `${debit} to ${credit}`);
      }
      if (receipt.state === 'rejected') ending.code = EXIT.failed;
      if (waitMs === 0 || receipt.state === 'rejected') {
        if (options.json === true) io.out(JSON.stringify(receipt));
        return;
      }
      const view = await untilDone(client, receipt.id, waitMs);
      const done = view.state === 'final' || view.state === 'rejected';
      if (view.state !== 'final') ending.code = EXIT.failed;
      io.out(options.json === true ? JSON.stringify(view)
        : done ? `${view.id}: ${view.state}${view.reason === undefined ? '' : ` (${view.reason})`}, entry ${view.globalIndex} `
          + `of the global log${repeats(view['duplicateOf'])}`
          : `${view.id}: still ${view.state} after ${waitMs / 1_000} s; it goes on by itself (tidemark status says `
            + `why it waits)`);
    } finally {
      await platform.close();
    }
  });
}

const repeats = (duplicateOf: unknown): string =>
  (duplicateOf === undefined ? '' : `: duplicate of entry ${String(duplicateOf)}: nothing moved again`);

async function untilDone(client: EdgeClient, id: string, waitMs: number): Promise<SettlementView> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const view = await client.settlement(id);
    if (view.globalIndex !== undefined || performance.now() > deadline) return view;
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MS);
    });
  }
}
