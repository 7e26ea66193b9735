/**
 * The provisional decision: a pure function of recorded inputs. The edge node takes it, `tidemark verify` takes it again.
 *
 * Online, an account may spend what it last was known to hold, less what this node has already promised. Offline the
 * same holds, and what could turn out to be spent twice is bounded: per account and per node. An account without
 * overdraft limit can never be refused by the ledger, so nothing debited from it counts towards those bounds.
 */
import { BALANCE_MAX, type Decision, type DecisionInputs, type Instruction, type Policy, type RefusalReason } from './types.ts';

export function decide(instruction: Instruction, inputs: DecisionInputs, policy: Policy): Decision {
  const mode = inputs.connected ? 'online' : 'offline';
  const refuse = (reason: RefusalReason): Decision => ({ result: 'refused', mode, reason });
  const { debit } = inputs;
  if (debit === null || inputs.creditAsset === null) return refuse('account-unknown');
  if (debit.asset !== instruction.asset || inputs.creditAsset !== instruction.asset) return refuse('asset-mismatch');
  // Sums that a log entry could not hold any more are not run up, whatever the account may do.
  if (inputs.reserved + instruction.amount > BALANCE_MAX || inputs.offlineNode + instruction.amount > BALANCE_MAX) return refuse('overflow');
  if (debit.overdraft === null) return { result: 'provisional', mode };
  if (instruction.amount > debit.balance + debit.overdraft - inputs.reserved) return refuse('insufficient-funds');
  if (!inputs.connected) {
    if (inputs.debitAgeMs > policy.maxStalenessMs) return refuse('stale-state');
    if (inputs.offlineAccount + instruction.amount > (policy.offlinePerAccount[instruction.asset] ?? 0n)) {
      return refuse('offline-limit-account');
    }
    if (inputs.offlineNode + instruction.amount > (policy.offlinePerNode[instruction.asset] ?? 0n)) {
      return refuse('offline-limit-node');
    }
  }
  return { result: 'provisional', mode };
}
