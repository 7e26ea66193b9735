/** Judges stacks by rules. Pure: the same input gives the same evaluation, in the same order. */
import { nearest } from '../../../platform/nearest.ts';
import { groupBy } from './group.ts';
import { DEFAULT_PARAMETERS } from './defaults.ts';
import {
  ChecksError,
  type Evaluation,
  type Finding,
  type Parameters,
  type Resource,
  type Rule,
  type RuleResult,
  type SuppressedFinding,
  type Suppression,
  type Tree,
} from './model.ts';
import { RULES } from './rules/index.ts';

export interface EvaluateOptions {
  /** @default RULES, all rules of the kit; `[...RULES, own]` adds one's own */
  readonly rules?: readonly Rule[];
  /** @default DEFAULT_PARAMETERS */
  readonly parameters?: Partial<Parameters>;
}

/** Findings of the rule pack about itself. It can't be suppressed: take the suppression away. */
export const UNUSED_SUPPRESSION = 'TM-SUP-01';

/** @throws ChecksError with every suppression that names no rule */
export function evaluate(trees: readonly Tree[], options: EvaluateOptions = {}): Evaluation {
  const rules = options.rules ?? RULES;
  const parameters = { ...DEFAULT_PARAMETERS, ...options.parameters };
  checkIds(rules);
  checkSuppressions(trees, rules);
  const used = new Set<Suppression>();
  const judgements = trees.flatMap((tree) => rules.map((rule) => judge(rule, tree, parameters, used)));
  const byRule = groupBy(judgements, (judgement) => judgement.rule);
  const unused = trees.flatMap((tree) => tree.suppressions.filter((s) => !used.has(s)).map((s) => unusedFinding(s, tree)));
  const results = rules.map((rule): RuleResult => {
    const own = byRule.get(rule) ?? [];
    const sum = (count: (j: Judgement) => number): number => own.reduce((total, j) => total + count(j), 0);
    return {
      rule,
      evaluated: sum((j) => j.evaluated),
      passed: sum((j) => j.passed),
      failed: sum((j) => j.failed),
      suppressed: sum((j) => j.quiet),
    };
  });
  return {
    findings: [...judgements.flatMap((j) => j.findings), ...unused],
    suppressed: judgements.flatMap((j) => j.suppressed),
    passed: results.reduce((total, result) => total + result.passed, 0),
    rules: results,
    stacks: trees.map((tree) => ({ name: tree.stack, resources: tree.resources.length })),
    notSeen: trees.flatMap((tree) => tree.modules.map((name) => `${tree.stack}/${name}`)),
  };
}

interface Judgement {
  readonly rule: Rule;
  readonly findings: readonly Finding[];
  readonly suppressed: readonly SuppressedFinding[];
  readonly evaluated: number;
  readonly passed: number;
  readonly failed: number;
  /** Resources all of whose findings are suppressed. */
  readonly quiet: number;
}

function judge(rule: Rule, tree: Tree, parameters: Parameters, used: Set<Suppression>): Judgement {
  const findings: Finding[] = [];
  const suppressed: SuppressedFinding[] = [];
  let [passed, failed, quiet] = [0, 0, 0];
  const suppressions = tree.suppressions.filter((s) => s.rule === rule.id);
  const subjects = (rule.types.includes('*') ? tree.resources : tree.ofType(...rule.types)).filter(
    (r) => rule.applies?.(r, tree) ?? true,
  );
  for (const resource of subjects) {
    const problems = rule.check(resource, tree, parameters);
    const before = findings.length;
    for (const problem of problems) {
      const finding = {
        rule: rule.id,
        severity: rule.severity,
        stack: tree.stack,
        address: resource.address,
        path: resource.path,
        ...problem,
      };
      const by = suppressions.filter((s) => covers(s, finding));
      for (const suppression of by) used.add(suppression);
      if (by[0] === undefined) findings.push(finding);
      else suppressed.push({ ...finding, reason: by[0].reason, suppressedAt: by[0].path });
    }
    if (problems.length === 0) passed += 1;
    else if (findings.length > before) failed += 1;
    else quiet += 1;
  }
  return { rule, findings, suppressed, evaluated: subjects.length, passed, failed, quiet };
}

const covers = (suppression: Suppression, { path, value }: Pick<Resource, 'path'> & { readonly value?: string }): boolean =>
  (path === suppression.path || path.startsWith(`${suppression.path}/`))
  && (suppression.value === undefined || suppression.value === value);

const unusedFinding = (suppression: Suppression, tree: Tree): Finding => ({
  rule: UNUSED_SUPPRESSION,
  severity: 'low',
  stack: tree.stack,
  address: suppression.path,
  path: suppression.path,
  message: `the suppression of ${suppression.rule} here suppresses nothing; take it away`,
  value: suppression.value ?? suppression.rule,
});

function checkIds(rules: readonly Rule[]): void {
  const twice = rules.map((rule) => rule.id).filter((id, i, all) => all.indexOf(id) !== i);
  if (twice.length > 0) throw new ChecksError(twice.map((id) => `rule ${id}: is there twice; each rule has an id of its own`));
}

function checkSuppressions(trees: readonly Tree[], rules: readonly Rule[]): void {
  const ids = new Set(rules.map((rule) => rule.id));
  const mistakes = trees.flatMap((tree) =>
    tree.suppressions.filter((s) => !ids.has(s.rule)).map((s) => `${s.path}: suppresses ${unknownRule(s.rule, ids)}`),
  );
  if (mistakes.length > 0) throw new ChecksError(mistakes);
}

/** `"TM-S3-99", which is no rule; did you mean TM-S3-09?` */
export function unknownRule(id: string, ids: Iterable<string>): string {
  const meant = nearest(id, ids);
  return `${JSON.stringify(id)}, which is no rule; ${meant === null ? '`tidemark check --rules` lists them' : `did you mean ${meant}?`}`;
}
