/**
 * Pulumi-style helpers: facts of a platform as outputs, an edge site and SLA alarms as components, the platform's definition from a
 * stack's configuration. The rule pack is in `policy/`, mocks for tests are in `testing/`; nothing here loads CDKTF.
 */
export { loadConfig, type ConfigKeys } from './config.ts';
export { EdgeSite, siteName, type CloudPlace, type EdgeSiteArgs, type LinkArgs, type SecretSource, type SiteSecrets, type SiteTask, type TelemetryArgs } from './edge-site/index.ts';
export { factsFromSsm, factsFromStackReference, factsFromTerraformState, PublishedFacts, type FactOutputs, type SsmOptions } from './facts.ts';
export { ConstructError } from './mistakes.ts';
export { SlaAlarms, type SlaAlarmsArgs, type SlaAlert } from './sla-alarms.ts';
export type { StateSource } from './state.ts';
export { suppressTag } from './suppress.ts';
// What the facts and the components are named by: pure, and the same as in CDKTF.
export { parameterName, stackName, type Facts, type StackId, type StackKind } from '../common/facts.ts';
