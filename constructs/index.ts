/**
 * All constructs at once. Each also has an entry of its own (`tidemark/constructs/network`), which loads nothing of the others. Not
 * here, because they load what not everybody has: the Grafana dashboards, the Pulumi helpers and the rule pack. Of constructs with
 * parts that others may share (their limits, their plans), only what is needed to use them is here; their own entries have all.
 */
export * from './common/index.ts';
export * from './control-plane/index.ts';
export * from './edge-node-host/index.ts';
export * from './encryption-key/index.ts';
export * from './ledger-database/index.ts';
export * from './network/index.ts';
export * from './notifications/index.ts';
export * from './open-slo/index.ts';
export * from './ordered-stream-cluster/index.ts';
export * from './private-bucket/index.ts';
export * from './region-ingress/index.ts';
export * from './regional-aggregator/index.ts';
export * from './service-image/index.ts';
export * from './service-secrets/index.ts';
export { SettlementDashboard, type SettlementDashboardProps } from './settlement-dashboard/index.ts';
export * from './signing-key/index.ts';
export { SlaAlarms, type AlarmPlace, type ExistingSlaAlarms, type OpsItemSeverity, type SlaAlarmsProps, type SlaAlert } from './sla-alarms/index.ts';
export { StatefulHost, type HostAttributes, type IStatefulHost, type StatefulHostProps } from './stateful-host/index.ts';
export * from './telemetry-pipeline/index.ts';
export * from './transparency-bucket/index.ts';
