/** Dashboards of SLAs and settlement. Grafana's are in grafana.ts, an entry of its own. */
export { toCloudWatch, type CloudWatchOptions, type DashboardBody, type Widget } from './cloudwatch.ts';
export { describeDashboards, layOut, type DashboardInput, type Page, type Panel, type Place, type Row, type Series, type Threshold } from './describe.ts';
export { LIMITS, SCOPES_PER_PAGE } from './limits.ts';
export { METRIC_PANELS, type MetricPanel } from './panels.ts';
export { SettlementDashboard, type SettlementDashboardProps } from './settlement-dashboard.ts';
