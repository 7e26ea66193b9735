/** What CloudWatch refuses, as data with the source, so that synthesis says so and not the deployment. */

const ALARMS = 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html';
const COMPOSITES = 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html';
const QUOTAS = 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html';

export interface Limit {
  readonly most: number;
  readonly source: string;
}

export const LIMITS = {
  /** Characters of an alarm's name. */
  name: { most: 255, source: ALARMS },
  /** Characters of an alarm's description. */
  description: { most: 1024, source: ALARMS },
  /** Metrics that one expression of an alarm draws on. */
  metrics: { most: 10, source: QUOTAS },
  /** Characters of one expression (the provider's own check, as of API_MetricDataQuery). */
  expression: { most: 1024, source: 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDataQuery.html' },
  /** Period x evaluation periods with periods under an hour. Seconds. */
  rangeOfShortPeriods: { most: 86_400, source: ALARMS },
  /** The same with periods of an hour or more. Seconds. */
  range: { most: 604_800, source: ALARMS },
  /** Characters of a composite alarm's rule. */
  rule: { most: 10_240, source: COMPOSITES },
  /** Alarms that one rule names. */
  children: { most: 100, source: COMPOSITES },
  /** Actions of an alarm for one state. */
  actions: { most: 5, source: QUOTAS },
  /** Characters of a tag's value. */
  tagValue: { most: 256, source: 'https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Tag.html' },
} as const satisfies Record<string, Limit>;

/** From here on a period counts as long: see `range`. Seconds. */
export const LONG_PERIOD_SECONDS = 3_600;

/** Seconds; what is shorter than a minute is for metrics of high resolution, which the platform's are not. */
export const isPeriod = (seconds: number): boolean => [10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0);

/** Longest period x evaluation periods for a period. Seconds. */
export const rangeLimit = (periodSeconds: number): Limit => (periodSeconds < LONG_PERIOD_SECONDS ? LIMITS.rangeOfShortPeriods : LIMITS.range);
