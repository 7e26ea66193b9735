/** Takes a construct, with all below it, out of a rule: with a reason, which travels with the stack. */
import { TerraformStack, Token } from 'cdktf';
import { type Construct } from 'constructs';
import { check } from '../common/index.ts';
import { mistakesIn, RULES, SUPPRESSIONS_PATH, unknownRule, type Suppression } from './core/index.ts';

/** Type of the entry that a suppression leaves in the metadata of its construct. */
export const SUPPRESSION_METADATA = 'tidemark:suppression';

export interface SuppressOptions {
  /** Only findings with this value, as the finding shows it. @default - all findings of the rule at and below the construct */
  readonly value?: string;
}

const byStack = new WeakMap<TerraformStack, Suppression[]>();

/**
 * @param construct a stack, or anything in one; findings about providers, state and outputs are suppressed at the stack
 * @param rule id of a rule, such as `TM-S3-06`
 * @param reason for whoever reviews it: at least 20 characters of plain text
 * @throws ConstructError with all mistakes. A suppression that turns out to suppress nothing is a finding of its own (TM-SUP-01).
 */
export function suppress(construct: Construct, rule: string, reason: string, options: SuppressOptions = {}): void {
  const suppression: Suppression = { rule, path: construct.node.path, reason, ...options };
  const stack = construct.node.scopes.find((scope) => TerraformStack.isStack(scope));
  check(construct, (m) => {
    if (stack === undefined) m.add('suppress: stands above all stacks; suppress in the stack that it is about');
    for (const mistake of mistakesIn(stack === undefined ? { ...suppression, path: '-' } : suppression))
      m.add(`suppress: ${mistake}`);
    if (Token.isUnresolved(reason)) m.add('suppress: reason: must be known now, got a token');
    // Rules of one's own have ids of their own; those are checked when they are judged.
    if (/^TM-/i.test(rule) && !RULES.some(({ id }) => id === rule))
      m.add(
        `suppress: rule: got ${unknownRule(
          rule,
          RULES.map(({ id }) => id),
        )}`,
      );
  });
  construct.node.addMetadata(SUPPRESSION_METADATA, suppression);
  const own = byStack.get(stack as TerraformStack) ?? [];
  byStack.set(stack as TerraformStack, own);
  own.push(suppression);
  (stack as TerraformStack).addOverride(SUPPRESSIONS_PATH, own);
  (stack as TerraformStack).addOverride('//.tidemark.path', (stack as TerraformStack).node.path);
}
