import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyInputs, anyInstruction, anyPolicy } from './arbitraries.ts';
import { decide } from './decide.ts';
import type { DecisionInputs, Instruction, Policy } from './types.ts';

const instruction: Instruction = { id: 'a', asset: 'EUR', debitAccount: 'alice', creditAccount: 'bob', amount: 100n };
const policy: Policy = { version: 1, offlineAfterMs: 1000, maxStalenessMs: 5000, offlinePerAccount: { EUR: 150n }, offlinePerNode: { EUR: 250n } };
const inputs: DecisionInputs = {
  debit: { account: 'alice', asset: 'EUR', balance: 1000n, overdraft: 0n, asOf: 1 }, debitAgeMs: 0, creditAsset: 'EUR',
  reserved: 0n, offlineAccount: 0n, offlineNode: 0n, connected: true,
};
const debit = inputs.debit!;

describe('decide', () => {
  it.each([
    ['accepts what is covered', {}, undefined],
    ['accepts the last unit', { reserved: 900n }, undefined],
    ['refuses one unit more than that', { reserved: 901n }, 'insufficient-funds'],
    ['counts the overdraft limit', { reserved: 950n, debit: { ...debit, overdraft: 50n } }, undefined],
    ['refuses an unknown debit account', { debit: null }, 'account-unknown'],
    ['refuses an unknown credit account', { creditAsset: null }, 'account-unknown'],
    ['refuses another asset', { creditAsset: 'USD' }, 'asset-mismatch'],
    ['does not mind old states online', { debitAgeMs: 10_000 }, undefined],
    ['offline, accepts within the limits', { connected: false }, undefined],
    ['offline, refuses an old state', { connected: false, debitAgeMs: 5001 }, 'stale-state'],
    ['offline, bounds the account', { connected: false, offlineAccount: 51n }, 'offline-limit-account'],
    ['offline, bounds the node', { connected: false, offlineNode: 151n }, 'offline-limit-node'],
    ['never promises more than 64 bits hold', { reserved: 2n ** 63n - 100n, debit: { ...debit, overdraft: null } }, 'overflow'],
    ['promises as much as they hold', { reserved: 2n ** 63n - 101n, debit: { ...debit, overdraft: null } }, undefined],
    ['offline, does not bound an account without limit', { connected: false, offlineAccount: 10n ** 15n, debit: { ...debit, overdraft: null } }, undefined],
  ] as const)('%s', (_what, change, reason) => {
    const decision = decide(instruction, { ...inputs, ...change } as DecisionInputs, policy);
    expect(decision.reason).toBe(reason);
    expect(decision.result).toBe(reason === undefined ? 'provisional' : 'refused');
  });

  it('offline, refuses an asset without offline limits', () => {
    expect(decide(instruction, { ...inputs, connected: false }, { ...policy, offlinePerAccount: {} }).reason).toBe('offline-limit-account');
  });

  it('never accepts more than is covered, and offline never more than the limits', () => {
    fc.assert(fc.property(anyInstruction, anyInputs, anyPolicy, (s, i, p) => {
      const d = decide(s, i, p);
      expect(d).toEqual(decide(s, i, p));
      expect(d.mode).toBe(i.connected ? 'online' : 'offline');
      if (d.result === 'refused' || i.debit!.overdraft === null) return;
      expect(i.reserved + s.amount).toBeLessThanOrEqual(i.debit!.balance + i.debit!.overdraft);
      if (i.connected) return;
      expect(i.offlineAccount + s.amount).toBeLessThanOrEqual(p.offlinePerAccount[s.asset]!);
      expect(i.offlineNode + s.amount).toBeLessThanOrEqual(p.offlinePerNode[s.asset]!);
    }));
  });
});
