/** The rule pack (constructs/checks) as a Pulumi policy pack: one policy for each rule, over the whole stack, since rules look at companions. */
import type { EnforcementLevel, PolicyPackArgs, StackValidationPolicy } from '@pulumi/policy';
import {
  ChecksError, controlReferences, evaluate, mistakesIn, problemText, RULES, UNUSED_SUPPRESSION, unknownRule, type Parameters, type Rule, type Severity, type Suppression,
} from '../../checks/core/index.ts';
import { SUPPRESS_TAG } from '../suppress.ts';
import { readResources } from './reader.ts';
import { NOT_IN_PULUMI, RULES_NOT_IN_PULUMI } from './types.ts';

/** `low` is said, and does not stop a deployment. */
export const ENFORCEMENT: Readonly<Record<Severity, EnforcementLevel>> = { high: 'mandatory', medium: 'mandatory', low: 'advisory' };

export interface PackOptions {
  /** @default RULES, all rules of the kit; `[...RULES, own]` adds one's own */
  readonly rules?: readonly Rule[];
  /** @default DEFAULT_PARAMETERS of constructs/checks/core */
  readonly parameters?: Partial<Parameters>;
  /** @default ENFORCEMENT */
  readonly enforcement?: Partial<Readonly<Record<Severity, EnforcementLevel>>>;
  /** Beside those that are tags (`suppressTag`): by names of resources, from the outermost component inwards. @default - none */
  readonly suppressions?: readonly Suppression[];
}

/** Of `@pulumi/policy`: what makes a pack. It is given by the caller, so that nobody loads it who has no use for it. */
export interface PolicyPackModule<Pack> {
  readonly PolicyPack: new (name: string, args: PolicyPackArgs) => Pack;
}

/**
 * `createPolicyPack(policy)` is all that the program of a policy pack says, after `import * as policy from '@pulumi/policy'`.
 * @throws ChecksError with every mistake in the suppressions
 */
export const createPolicyPack = <Pack>({ PolicyPack }: PolicyPackModule<Pack>, options: PackOptions = {}): Pack => new PolicyPack('tidemark', {
  displayName: 'Tidemark', description: 'Rules for AWS: encryption, public reach, IAM, logging, backups, and what may be lost',
  enforcementLevel: 'mandatory', policies: stackPolicies(options),
});

/** Rules that have something to judge in a Pulumi stack. */
export const applicable = (rules: readonly Rule[]): Rule[] => rules.filter(({ id, types }) => !RULES_NOT_IN_PULUMI.includes(id)
  && types.some((type) => !NOT_IN_PULUMI.some(({ pattern }) => pattern.test(type))));

/** The policies alone, for a pack of one's own. */
export function stackPolicies(options: PackOptions = {}): StackValidationPolicy[] {
  const { rules = RULES, suppressions = [], parameters = {} } = options;
  checkSuppressions(suppressions, rules);
  return [...applicable(rules).map((rule) => policyOf(rule, { ...options, suppressions, parameters })), suppressionPolicy(rules)];
}

function policyOf(rule: Rule, options: Required<Pick<PackOptions, 'suppressions' | 'parameters'>> & PackOptions): StackValidationPolicy {
  return {
    name: rule.id, displayName: rule.id, description: rule.what, severity: rule.severity,
    enforcementLevel: options.enforcement?.[rule.severity] ?? ENFORCEMENT[rule.severity],
    remediationSteps: rule.fix, tags: controlReferences(rule.controls).map((control) => `${control.framework} ${control.control}`),
    configSchema: { properties: { suppressions: SUPPRESSIONS_SCHEMA } },
    validateStack: (args, report) => {
      const configured = (args.getConfig<{ suppressions?: readonly Omit<Suppression, 'rule'>[] }>().suppressions ?? []).map((one) => ({ ...one, rule: rule.id }));
      checkSuppressions(configured, [rule]);
      const { tree, urnOf } = readResources('stack', args.resources, [...options.suppressions, ...configured]);
      const own = { ...tree, suppressions: tree.suppressions.filter((s) => s.rule === rule.id) };
      for (const finding of evaluate([own], { rules: [rule], parameters: options.parameters }).findings) {
        // What a preview does not know, the deployment does: it is judged again then.
        if (finding.undecided === true) continue;
        const text = finding.rule === UNUSED_SUPPRESSION ? finding.message : `${finding.path}: ${problemText(finding)}. ${rule.why} ${rule.fix}`;
        report(text, urnOf.get(finding.path));
      }
    },
  };
}

/** Tags that suppress nothing that exists, or say nothing. */
const suppressionPolicy = (rules: readonly Rule[]): StackValidationPolicy => ({
  name: UNUSED_SUPPRESSION, displayName: UNUSED_SUPPRESSION, severity: 'low', enforcementLevel: 'mandatory',
  description: `A tag ${SUPPRESS_TAG}<rule> names a rule and gives a reason.`,
  validateStack: (args, report) => {
    const ids = new Set(rules.map(({ id }) => id));
    const { tree, urnOf, mistakes } = readResources('stack', args.resources);
    for (const { urn, what } of mistakes) report(what, urn);
    for (const { rule, path } of tree.suppressions) if (!ids.has(rule)) report(`${path}: suppresses ${unknownRule(rule, ids)}`, urnOf.get(path));
  },
});

const SUPPRESSIONS_SCHEMA = {
  type: 'array' as const,
  items: {
    type: 'object' as const, required: ['path', 'reason'],
    properties: { path: { type: 'string' as const }, reason: { type: 'string' as const }, value: { type: 'string' as const } },
  },
};

function checkSuppressions(suppressions: readonly Suppression[], rules: readonly Rule[]): void {
  const ids = new Set(rules.map(({ id }) => id));
  const mistakes = suppressions.flatMap((one, i) => [
    ...mistakesIn(one).map((what) => `suppressions[${i}].${what}`),
    ...(ids.has(one.rule) ? [] : [`suppressions[${i}].rule: ${unknownRule(one.rule, ids)}`]),
  ]);
  if (mistakes.length > 0) throw new ChecksError(mistakes);
}
