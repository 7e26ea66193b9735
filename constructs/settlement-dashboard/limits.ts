/** What CloudWatch refuses of a dashboard, and how much of one a person can read. */

const QUOTAS = 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html';

export const LIMITS = {
  /** Widgets of a dashboard. */
  widgets: { most: 500, source: QUOTAS },
  /** Metrics and expressions of a widget. */
  metricsPerWidget: { most: 500, source: QUOTAS },
  /** The same of all widgets of a dashboard. */
  metrics: { most: 2_500, source: QUOTAS },
  /** Characters of its name. */
  name: { most: 255, source: 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html' },
} as const;

/** Lines in one chart that can still be told apart; more scopes than that go on a further page. */
export const SCOPES_PER_PAGE = 20;
/** Columns of the grid, the same in CloudWatch and Grafana. */
export const COLUMNS = 24;
