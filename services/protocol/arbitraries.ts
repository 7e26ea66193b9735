/** Generators of protocol values for property tests. */
import fc from 'fast-check';
import { POLICY_DIGEST_PATTERN } from './grammar.ts';
import type { AccountState, Decision, DecisionEntry, DecisionInputs, Instruction, Policy } from './types.ts';

export const anyId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,40}$/);
export const anyAsset = fc.constantFrom('EUR', 'USD', 'CZK');
export const anyAmount = fc.bigInt(1n, 999_999_999_999_999_999n);
export const anyBalance = fc.bigInt(-(2n ** 63n) + 1n, 2n ** 63n - 1n);
const anyNat = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

export const anyInstruction: fc.Arbitrary<Instruction> = fc.record({
  id: anyId, asset: anyAsset, debitAccount: anyId, creditAccount: anyId, amount: anyAmount,
});

export const anyAccountState: fc.Arbitrary<AccountState> = fc.record({
  account: anyId, asset: anyAsset, balance: anyBalance, overdraft: fc.option(fc.bigInt(0n, 10n ** 18n)), asOf: anyNat,
});

export const anyInputs: fc.Arbitrary<DecisionInputs> = fc.record({
  debit: fc.option(anyAccountState), debitAgeMs: anyNat, creditAsset: fc.option(anyAsset),
  reserved: fc.bigInt(0n, 10n ** 18n), offlineAccount: fc.bigInt(0n, 10n ** 18n), offlineNode: fc.bigInt(0n, 10n ** 18n), connected: fc.boolean(),
});

const limits = fc.dictionary(anyAsset, fc.bigInt(0n, 10n ** 18n)).map((r) => ({ ...r }));
export const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  version: fc.nat(), offlineAfterMs: fc.nat(), maxStalenessMs: anyNat, offlinePerAccount: limits, offlinePerNode: limits,
});

const anyDecision: fc.Arbitrary<Decision> = fc.oneof(
  fc.record({ result: fc.constant('provisional' as const), mode: fc.constantFrom('online' as const, 'offline' as const) }),
  fc.record({
    result: fc.constant('refused' as const), mode: fc.constantFrom('online' as const, 'offline' as const),
    reason: fc.constantFrom('account-unknown' as const, 'insufficient-funds' as const, 'stale-state' as const),
  }),
);

const hex = (digits: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`)).filter((id) => /[^0]/.test(id));
export const anyTrace: fc.Arbitrary<string> = fc.tuple(hex(32), hex(16)).map(([trace, parent]) => `00-${trace}-${parent}-01`);

export const anyDecisionEntry: fc.Arbitrary<DecisionEntry> = fc.record({
  instruction: anyInstruction, inputs: anyInputs, decision: anyDecision, decidedAt: anyNat,
  policy: fc.stringMatching(new RegExp(POLICY_DIGEST_PATTERN)), trace: anyTrace,
}, { requiredKeys: ['instruction', 'inputs', 'decision', 'decidedAt', 'policy'] });
