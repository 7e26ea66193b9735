/** Accounts for a run: opened at the centre, and known to every edge node before the first settlement. */
import { customerAccount, merchantAccount } from '../../loadtests/generator.ts';
import type { LoadPlan } from '../../loadtests/plan.ts';
import type { ControlClient, EdgeClient } from '../../services/protocol/client.ts';
import { CliError, EXIT } from '../errors.ts';

const OPENED_AT_ONCE = 5_000;
const KNOWN_WITHIN_MS = 60_000;
/** Beside a settlement's amount at most 100,000.00, so that no run comes near it; still a limit, so that it is checked. */
const OVERDRAFT = '100000000000000000';

export function accountsOf(plan: LoadPlan): string[] {
  const { prefix, merchants, customers } = plan.accounts;
  return [
    ...Array.from({ length: merchants }, (_, i) => merchantAccount(prefix, i)), ...Array.from({ length: customers }, (_, i) => customerAccount(prefix, i)),
  ];
}

/** @throws CliError when accounts can't be opened, or do not reach an edge node */
export async function openAccounts(
  plan: LoadPlan, ofFile: readonly string[] | undefined, control: ControlClient, edges: readonly EdgeClient[],
): Promise<number> {
  const accounts = ofFile?.map((account) => `${plan.accounts.prefix}-${account}`) ?? accountsOf(plan);
  for (let i = 0; i < accounts.length; i += OPENED_AT_ONCE) {
    const opened = await control.openAccounts(accounts.slice(i, i + OPENED_AT_ONCE).map((account) => ({ account, asset: plan.asset, overdraftLimit: OVERDRAFT })));
    const refused = opened.filter((a) => a.status >= 300);
    if (refused.length > 0) {
      throw new CliError(EXIT.failed, 'accounts-refused', `${refused.length} accounts were not opened, ${refused[0]!.account} for one: ${refused[0]!.problem?.detail ?? refused[0]!.status}`);
    }
  }
  const deadline = performance.now() + KNOWN_WITHIN_MS;
  await Promise.all(edges.map(async (edge) => {
    let unknown: readonly string[] = accounts;
    while (unknown.length > 0) {
      unknown = await edge.prefetch(unknown);
      if (unknown.length > 0 && performance.now() > deadline) {
        throw new CliError(EXIT.failed, 'accounts-unknown', `${edge.url} does not know ${unknown.length} of ${accounts.length} accounts ${KNOWN_WITHIN_MS / 1_000} s after they were opened`);
      }
      if (unknown.length > 0) await new Promise((resolve) => void setTimeout(resolve, 100));
    }
  }));
  return accounts.length;
}
