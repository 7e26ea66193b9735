/**
 * The rule pack without CDKTF: rules, the trees that they judge, and reports. Nothing here loads cdktf or Pulumi, reads a
 * file or knows the time.
 */
export { CIS, controlReferences, controlsText, SOC2, type Control, type ControlReference } from './controls.ts';
export { DEFAULT_PARAMETERS } from './defaults.ts';
export { evaluate, UNUSED_SUPPRESSION, unknownRule, type EvaluateOptions } from './evaluate.ts';
export { EVIDENCE_SCHEMA, evidenceOf, type Evidence, type EvidenceInput, type RuleEvidence, type Status } from './evidence.ts';
export {
  ChecksError,
  SEVERITIES,
  type Block,
  type Evaluation,
  type Finding,
  type Parameters,
  type Problem,
  type Resource,
  type Rule,
  type RuleResult,
  type Severity,
  type SuppressedFinding,
  type Suppression,
  type Tree,
  type Value,
  type Variable,
} from './model.ts';
export { evidenceCsv, evidenceMarkdown, rulesMarkdown } from './render.ts';
export { RULES } from './rules/index.ts';
export { mistakesIn, REASON_MIN, SUPPRESSIONS_PATH } from './suppressions.ts';
export { createTree, readStack, type TreeExtras } from './tree.ts';
export { problemText } from './values.ts';
