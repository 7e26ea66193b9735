/** How the control plane shows accounts and outcomes to clients. */
import { traceIdOf, type OutcomeEntry, type SettlementState } from '../protocol/index.ts';
import type { Account } from './core/ledger.ts';

export function accountView(account: Readonly<Account>, posted: bigint, asOf: number): Record<string, unknown> {
  return {
    account: account.id, asset: account.asset, overdraftLimit: account.overdraft === null ? null : String(account.overdraft),
    posted: String(posted), pending: String(account.balance - posted), balance: String(account.balance), asOf,
  };
}

/**
 * @param trace what the decision's entry says of its trace, or null
 * @param times when it was decided and ordered, or null where that is not known
 * @param witnessed size of the witnessed global log: an outcome beyond it can't be relied upon yet
 */
export function settlementView(
  o: OutcomeEntry, globalIndex: number, witnessed: number, trace: string | null = null, times: { readonly decidedAt: number; readonly orderedAt: number } | null = null,
): Record<string, unknown> {
  const settled = globalIndex < witnessed;
  const state: SettlementState = settled ? o.status : 'ordered';
  return {
    id: o.instruction.id, state, asset: o.instruction.asset, debitAccount: o.instruction.debitAccount,
    creditAccount: o.instruction.creditAccount, amount: String(o.instruction.amount),
    region: o.region, node: o.node, index: o.index, globalIndex,
    ...(times === null ? {} : { decidedAt: times.decidedAt, orderedAt: times.orderedAt }),
    ...(trace === null ? {} : { traceId: traceIdOf({ trace }) }),
    ...(settled ? {
      finalAt: o.at,
      ...(o.reason === undefined ? {} : { reason: o.reason }),
      ...(o.refusedAtEdge === undefined ? {} : { refusedAtEdge: true }),
      ...(o.duplicateOf === undefined ? {} : { duplicateOf: o.duplicateOf }),
      ...(o.debitBalance === undefined ? {} : { debitBalance: String(o.debitBalance) }),
      ...(o.creditBalance === undefined ? {} : { creditBalance: String(o.creditBalance) }),
    } : {}),
  };
}
