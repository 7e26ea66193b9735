import type { Command } from 'commander';
import { checkId, parseAmount, showAmount } from '../amounts.ts';
import { withData, type CommonOptions, type Io } from '../io.ts';
import { assetScales, connect, edgeOf } from '../platform.ts';

export function addAccount(program: Command, io: Io): void {
  const account = program.command('account').description('accounts: open one, look at one');
  withData(
    account.command('open').description('open an account at the control plane, or change its overdraft limit; safe to repeat')
      .argument('<account>', 'its id: letters, digits and . _ : @ -').argument('<asset>', 'what it holds: EUR')
      .option('--overdraft <amount>', 'how far below zero it may go, in the asset\'s own units (12.50), or none '
        + 'for no limit', '0')
      .option('--minor', 'the amount is in minor units'),
    io, [
      'tidemark account open alice EUR', 'tidemark account open treasury EUR --overdraft none',
      'tidemark account open bob EUR --overdraft 100.00',
    ],
  ).action(async (id: string, asset: string, options: CommonOptions & { overdraft: string; minor?: boolean }) => {
    checkId(id, 'account');
    const platform = await connect(options.data);
    try {
      const scales = assetScales(options.data);
      const limit = options.overdraft === 'none' ? null : parseAmount(
        options.overdraft, asset, scales, options.minor === true, '--overdraft', 0n,
      );
      const opened = await platform.control.openAccount(
        { account: id, asset, overdraftLimit: limit === null ? null : limit.toString() },
      );
      io.out(options.json === true ? JSON.stringify(opened)
        : `${opened.account}: ${showAmount(opened.balance, asset, scales)}, `
          + `${opened.overdraftLimit === null ? 'no overdraft limit'
            : opened.overdraftLimit === '0' ? 'may not go below zero' : `may go ${showAmount(opened.overdraftLimit, asset, scales)} below zero`}`);
    } finally {
      await platform.close();
    }
  });

  withData(
    account.command('show').description(
      'the account as the control plane has it, or as an edge node knows it',
    ).argument('<account>')
      .option('--site <edge>', 'ask this edge node: last-known-good balance, what is reserved there, how old it is'),
    io, ['tidemark account show alice', 'tidemark account show alice --site eu-fra-1', 'tidemark account show alice --json'],
  ).action(async (id: string, options: CommonOptions & { site?: string }) => {
    checkId(id, 'account');
    const platform = await connect(options.data, { patienceMs: 5_000 });
    try {
      const scales = assetScales(options.data);
      if (options.site === undefined) {
        const a = await platform.control.account(id);
        const show = (v: string): string => showAmount(v, a.asset, scales);
        io.out(options.json === true ? JSON.stringify(a)
          : `${a.account}: ${show(a.balance)} (posted ${show(a.posted)}, pending ${show(a.pending)}; `
            + `${a.overdraftLimit === null ? 'no overdraft limit' : `overdraft limit ${show(a.overdraftLimit)}`}) at global `
            + `log size ${a.asOf}`);
        return;
      }
      const a = await edgeOf(platform, options.site).client.account(id);
      const show = (v: string): string => showAmount(v, a.asset, scales);
      io.out(options.json === true ? JSON.stringify(a)
        : `${a.account}: ${show(a.balance)} as of global log size ${a.asOf}, confirmed ${(a.ageMs / 1_000).toFixed(1)} s ago; `
          + `reserved here ${show(a.reserved)}; available ${a.available === null ? 'without limit' : show(a.available)}; `
          + `${options.site} is ${a.connected ? 'connected' : 'cut off from the centre'}`);
    } finally {
      await platform.close();
    }
  });
}
