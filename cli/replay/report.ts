/** The end of a replay, for people. */
import { counted as count, table } from '../io.ts';
import { lagTable } from '../status.ts';
import { formatDecimal } from './decimal.ts';
import type { ReplayResult } from './run.ts';

/** @param columns width to keep to, where there is one */
export function renderReplay(r: ReplayResult, asset: string, scale: number, columns?: number): string {
  const amount = (minor: string): string => `${formatDecimal(BigInt(minor), scale)} ${asset}`;
  const mark = (ok: boolean): string => (ok ? 'ok  ' : 'FAIL');
  const rows: [boolean, string][] = [
    [r.accountsMatching === r.accounts, `${r.accountsMatching.toLocaleString('en')} of ${count(r.accounts, 'account')} with recorded `
      + `balances ${r.accounts === 1 ? 'holds its own' : 'hold theirs'} (${r.accountsExact.toLocaleString('en')} exactly; largest `
      + `difference ${amount(r.differenceMax)})`],
    [r.lost === 0, `${count(r.lost, 'settlement')} lost`],
    [r.duplicated === 0, `${count(r.duplicated, 'settlement')} duplicated`],
    [r.rejected + r.refused + r.failed === 0, `${count(r.rejected + r.failed, 'settlement')} rejected`],
    [r.provisionalLeft === 0, `${count(r.provisionalLeft, 'settlement')} left provisional`],
    [r.proofsFailed === 0, `${count(r.proofsChecked, 'proof')} checked, ${r.proofsFailed} failed`],
  ];
  const lines = [
    `${count(r.transactions, 'transaction')} in ${r.seconds.toFixed(1)} s (sent in ${r.secondsSending.toFixed(1)} s, all final `
      + `after ${r.secondsToFinal.toFixed(1)} s, checked in ${r.secondsChecking.toFixed(1)} s)`,
    `${r.decidedOffline.toLocaleString('en')} decided while cut off${r.openings === 0 ? '' : `; ${count(r.openings, 'opening settlement')}`}${r.zeroAmount === 0 ? '' : `; ${count(r.zeroAmount, 'row')} with amount zero, nothing to settle`}${r.repeated === 0 ? '' : `; ${r.repeated.toLocaleString('en')} were known already`}`,
    '', 'This replay:', ...rows.map(([ok, text]) => `  ${mark(ok)}  ${text}`),
    '', 'The whole platform, each log from its first entry:',
    `  ${mark(r.ledgerSum === '0')}  the ledger sums to ${r.ledgerSum === '0' ? 'zero' : amount(r.ledgerSum)}`,
    ...Object.entries(r.checked).map(([what, n]) => `  ${n.toLocaleString('en').padStart(12)}  ${what}`), '',
    lagTable(Object.entries(r.lag).map(([k, v]) => [k === 'all' ? 'all' : `region ${k}`, v]), 'LAG IN THIS REPLAY', columns), '',
    table([['DRIFT IN THIS REPLAY', 'compared', 'drifted', 'largest, at most', 'reversed'], ...Object.entries(r.drift).map(([k, d]) =>
      [
        k === 'all' ? 'all' : `region ${k}`, String(d.compared), String(d.drifted), amount(d.amountMax[asset] ?? '0'),
        String(d.reversed),
      ])], new Set([1, 2, 3, 4])),
    ...(r.problems.length === 0 ? [] : ['', ...r.problems.slice(0, 40).map((p) => `  problem: ${p}`)]),
    '', r.ok ? 'Everything holds.' : 'NOT everything holds.',
  ];
  return lines.join('\n');
}
