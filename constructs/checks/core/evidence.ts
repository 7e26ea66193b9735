/**
 * The evidence report: for each rule and each control what was judged and how it ended, over a digest of exactly what was
 * judged. The same input gives the same report, byte for byte; a time is in it only when one is given.
 */
import { controlReferences, type ControlReference } from './controls.ts';
import { groupBy } from './group.ts';
import { SEVERITIES, type Evaluation, type Finding, type Severity, type SuppressedFinding } from './model.ts';

/** Version of the report's form; a change that breaks readers makes it 2. */
export const EVIDENCE_SCHEMA = 'tidemark.checks.evidence/1';

export interface EvidenceInput {
  readonly evaluation: Evaluation;
  /** SHA-256 of each stack's configuration in canonical JSON, hex, by the stack's name. */
  readonly digests: ReadonlyMap<string, string>;
  /** SHA-256 over all of them. */
  readonly digest: string;
  readonly tool: { readonly name: string; readonly version: string };
  /** RFC 3339. @default - none: the report depends on its input alone */
  readonly at?: string;
}

/** Among judged resources: `failed` when any fails, else `suppressed` when any is, else `passed`. */
export type Status = 'passed' | 'failed' | 'suppressed' | 'not-applicable';

export interface RuleEvidence {
  readonly id: string;
  readonly what: string;
  readonly severity: Severity;
  readonly controls: readonly ControlReference[];
  readonly status: Status;
  readonly evaluated: number;
  readonly passed: number;
  readonly failed: number;
  readonly suppressed: number;
  readonly findings: readonly Pick<Finding, 'stack' | 'address' | 'path' | 'message' | 'value' | 'undecided'>[];
  readonly suppressions: readonly Pick<
    SuppressedFinding,
    'stack' | 'address' | 'path' | 'message' | 'value' | 'reason' | 'suppressedAt'
  >[];
}

export interface Evidence {
  readonly schema: typeof EVIDENCE_SCHEMA;
  readonly tool: EvidenceInput['tool'];
  readonly at?: string;
  readonly input: {
    readonly sha256: string;
    readonly stacks: readonly { readonly name: string; readonly sha256: string; readonly resources: number }[];
  };
  /** Modules whose insides were not seen. */
  readonly notSeen: readonly string[];
  readonly summary: { readonly passed: number; readonly findings: number; readonly suppressed: number } & Readonly<
    Record<Severity, number>
  >;
  readonly controls: readonly (ControlReference & { readonly status: Status; readonly rules: readonly string[] })[];
  readonly rules: readonly RuleEvidence[];
  /** Findings of the pack about itself: suppressions that suppress nothing. */
  readonly other: readonly Finding[];
}

const statusOf = ({ evaluated, failed, suppressed }: Pick<RuleEvidence, 'evaluated' | 'failed' | 'suppressed'>): Status =>
  failed > 0 ? 'failed' : suppressed > 0 ? 'suppressed' : evaluated > 0 ? 'passed' : 'not-applicable';

export function evidenceOf({ evaluation, digests, digest, tool, at }: EvidenceInput): Evidence {
  const ids = new Set(evaluation.rules.map(({ rule }) => rule.id));
  const findings = groupBy(evaluation.findings, (f) => f.rule);
  const quiet = groupBy(evaluation.suppressed, (f) => f.rule);
  const rules = evaluation.rules.map(({ rule, ...counts }): RuleEvidence => ({
    id: rule.id,
    what: rule.what,
    severity: rule.severity,
    controls: controlReferences(rule.controls),
    status: statusOf(counts),
    ...counts,
    findings: (findings.get(rule.id) ?? []).map(({ rule: _rule, severity: _severity, ...rest }) => rest),
    suppressions: (quiet.get(rule.id) ?? []).map(({ rule: _rule, severity: _severity, ...rest }) => rest),
  }));
  const count = (severity: Severity): number => evaluation.findings.filter((f) => f.severity === severity).length;
  return {
    schema: EVIDENCE_SCHEMA,
    tool,
    ...(at === undefined ? {} : { at }),
    input: {
      sha256: digest,
      stacks: evaluation.stacks.map(({ name, resources }) => ({ name, sha256: digests.get(name) ?? '', resources })),
    },
    notSeen: evaluation.notSeen,
    summary: {
      passed: evaluation.passed,
      findings: evaluation.findings.length,
      suppressed: evaluation.suppressed.length,
      ...(Object.fromEntries(SEVERITIES.map((severity) => [severity, count(severity)])) as Record<Severity, number>),
    },
    controls: controlsOf(rules),
    rules,
    other: evaluation.findings.filter((f) => !ids.has(f.rule)),
  };
}

function controlsOf(rules: readonly RuleEvidence[]): Evidence['controls'] {
  const pairs = rules.flatMap((rule) => rule.controls.map((control) => ({ rule, control })));
  return [...groupBy(pairs, ({ control }) => `${control.framework} ${control.control}`)]
    .map(([, group]) => {
      const sum = (of: 'evaluated' | 'failed' | 'suppressed'): number => group.reduce((total, { rule }) => total + rule[of], 0);
      return {
        ...group[0]!.control,
        rules: group.map(({ rule }) => rule.id),
        status: statusOf({ evaluated: sum('evaluated'), failed: sum('failed'), suppressed: sum('suppressed') }),
      };
    })
    .sort((a, b) => compare(a.framework, b.framework) || natural(a.control, b.control));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
/** `5.2` before `5.10`, whatever the locale. */
function natural(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split('.'));
  for (let i = 0; i < Math.max(left!.length, right!.length); i += 1) {
    const [x, y] = [left![i] ?? '', right![i] ?? ''];
    const order = /^\d+$/.test(x) && /^\d+$/.test(y) ? Number(x) - Number(y) : compare(x, y);
    if (order !== 0) return order;
  }
  return 0;
}
