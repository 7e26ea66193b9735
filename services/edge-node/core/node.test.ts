import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  AMOUNT_MAX, BALANCE_MAX, decodeDecision, encodeDecision, type AccountState, type DecisionEntry, type Instruction, type OutcomeEntry, type Policy,
} from '../../protocol/index.ts';
import { createEdgeCore, type EdgeCore } from './node.ts';

const policy: Policy = { version: 1, offlineAfterMs: 1_000, maxStalenessMs: 60_000, offlinePerAccount: { EUR: 300n }, offlinePerNode: { EUR: 500n } };
const state = (account: string, balance: bigint, overdraft: bigint | null = 0n, asOf = 0): AccountState => ({ account, asset: 'EUR', balance, overdraft, asOf });
const pay = (id: string, debitAccount: string, creditAccount: string, amount: bigint): Instruction => ({ id, asset: 'EUR', debitAccount, creditAccount, amount });
const outcome = (e: DecisionEntry, index: number, more: Partial<OutcomeEntry> = {}): OutcomeEntry => ({
  type: 'outcome', instruction: e.instruction, region: 'eu', node: 'n', index, status: 'final', at: 0, ...more,
});

function coreWith(...states: AccountState[]): EdgeCore {
  const core = createEdgeCore(policy, 0);
  for (const s of states) core.learn(s, 0);
  return core;
}

describe('the edge node', () => {
  it('reserves what it promised, and gives it back when the ledger says no', () => {
    const core = coreWith(state('a', 100n), state('b', 0n));
    const first = core.decide(pay('1', 'a', 'b', 80n), 1, true);
    expect(first.decision.result).toBe('provisional');
    expect(core.decide(pay('2', 'a', 'b', 30n), 2, true).decision.reason).toBe('insufficient-funds');
    expect(core.reserved('a')).toBe(80n);
    const effect = core.settle(outcome(first, 0, { status: 'rejected', reason: 'insufficient-funds', debitBalance: 10n, creditBalance: 0n }), 7, 3);
    expect(effect).toMatchObject({ reversed: true, drift: -90n });
    expect(core.reserved('a')).toBe(0n);
    expect(core.account('a')!.state).toMatchObject({ balance: 10n, asOf: 8 });
  });

  it('finds no drift when the centre agrees, and does not let an older state overwrite a newer one', () => {
    const core = coreWith(state('a', 100n), state('b', 0n));
    const e = core.decide(pay('1', 'a', 'b', 80n), 1, true);
    expect(core.settle(outcome(e, 0, { debitBalance: 20n, creditBalance: 80n }), 7, 3).drift).toBe(0n);
    expect(core.learn(state('a', 100n, 0n, 3), 4)).toBe(false);
    expect(core.account('a')!.state.balance).toBe(20n);
  });

  it('takes outcomes in the order of its log only', () => {
    const core = coreWith(state('a', 100n), state('b', 0n));
    const first = core.decide(pay('1', 'a', 'b', 1n), 1, true);
    const second = core.decide(pay('2', 'a', 'b', 1n), 1, true);
    expect(() => core.settle(outcome(second, 1), 0, 2)).toThrow('is not that of entry 0 (1)');
    core.settle(outcome(first, 0), 0, 2);
    core.settle(outcome(second, 1), 1, 2);
    expect(() => core.settle(outcome(second, 2), 2, 2)).toThrow('nothing is pending');
  });

  it('keeps accounts that something is reserved on when it makes room', () => {
    const core = coreWith(state('a', 100n), state('b', 0n), state('c', 0n));
    core.decide(pay('1', 'a', 'b', 1n), 5, true);
    core.evict(1);
    expect(core.account('a')).toBeDefined();
    expect(core.account('b')).toBeUndefined();
  });

  it('never writes what its own reader would refuse, however large the amounts', () => {
    fc.assert(fc.property(fc.array(fc.bigInt(1n, AMOUNT_MAX), { minLength: 1, maxLength: 40 }), fc.boolean(), (amounts, online) => {
      const core = coreWith(state('world', -BALANCE_MAX, null), state('b', BALANCE_MAX));
      amounts.forEach((amount, i) => {
        const entry = core.decide(pay(`s${i}`, 'world', 'b', amount), i, online);
        expect(decodeDecision(encodeDecision(entry))).toEqual(entry);
      });
      expect(core.reserved('world')).toBeLessThanOrEqual(BALANCE_MAX);
    }));
  });

  it('checks outcomes before it believes any of them', () => {
    const core = coreWith(state('a', 100n), state('b', 0n));
    const entries = ['1', '2'].map((id) => core.decide(pay(id, 'a', 'b', 60n), 1, true));
    const [final, refused] = entries.map((e, i) => outcome(e, i));
    const wrong: OutcomeEntry[] = [
      { ...final!, instruction: { ...final!.instruction, amount: 61n } },
      { ...final!, status: 'rejected', reason: 'insufficient-funds', refusedAtEdge: true },
    ];
    for (const bad of wrong) expect(() => core.check([bad])).toThrow();
    expect(() => core.check([final!, refused!])).toThrow('but this node has refused it');
    core.check([final!, { ...refused!, duplicateOf: 3 }]);
    core.check([final!, { ...refused!, status: 'rejected', reason: 'insufficient-funds', refusedAtEdge: true }]);
    expect(core.finalSize()).toBe(0);
  });

  // The promise behind the offline limits: whatever happens elsewhere, what a node can have accepted in vain is bounded.
  it('never promises more than balance and limits allow, offline or not, over any run; replay rebuilds the same mind', () => {
    const accounts = ['a', 'b', 'c'];
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('decide' as const), debit: fc.nat(2), credit: fc.nat(2), amount: fc.bigInt(1n, 400n), online: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const), final: fc.boolean() }) },
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), fc.bigInt(0n, 800n), (steps, start) => {
      const core = coreWith(...accounts.map((a) => state(a, start)));
      const truth = new Map(accounts.map((a) => [a, start]));
      const log: DecisionEntry[] = [];
      let settled = 0;
      let time = 0;
      for (const s of steps) {
        time += 1;
        if (s.kind === 'decide') {
          if (s.debit === s.credit) continue;
          log.push(core.decide(pay(`s${log.length}`, accounts[s.debit]!, accounts[s.credit]!, s.amount), time, s.online));
        } else if (settled < log.length) {
          const e = log[settled]!;
          const { debitAccount: d, creditAccount: c, amount } = e.instruction;
          const final = e.decision.result === 'provisional' && s.final;
          if (final) {
            truth.set(d, truth.get(d)! - amount);
            truth.set(c, truth.get(c)! + amount);
          }
          core.settle(outcome(e, settled, {
            ...(final ? {} : { status: 'rejected' as const, reason: 'insufficient-funds' as const }), debitBalance: truth.get(d)!, creditBalance: truth.get(c)!,
          }), settled, time);
          settled += 1;
        }
        const pending = log.slice(settled).filter((e) => e.decision.result === 'provisional');
        let offlineNode = 0n;
        for (const a of accounts) {
          const mine = pending.filter((e) => e.instruction.debitAccount === a);
          const sum = (es: DecisionEntry[]): bigint => es.reduce((n, e) => n + e.instruction.amount, 0n);
          expect(core.reserved(a)).toBe(sum(mine));
          expect(core.account(a)!.state.balance).toBe(truth.get(a)!);
          expect(sum(mine)).toBeLessThanOrEqual(truth.get(a)!);
          const offline = sum(mine.filter((e) => e.decision.mode === 'offline'));
          expect(offline).toBeLessThanOrEqual(300n);
          offlineNode += offline;
        }
        expect(offlineNode).toBeLessThanOrEqual(500n);
        expect(core.pendingCount()).toBe(log.length - settled);
      }
      const again = createEdgeCore(policy, settled);
      for (const a of accounts) again.restoreAccount(core.account(a)!.state, core.account(a)!.confirmedAt);
      for (const e of log.slice(settled)) again.replay(e);
      const probe = pay('probe', 'a', 'b', 10n);
      expect(again.decide(probe, time, false)).toEqual(core.decide(probe, time, false));
    }));
  });
});
