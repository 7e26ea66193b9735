/** What wakes somebody up and what waits; how maintenance is declared. */

/** As an SLA's severity: see platform/model.ts. */
export const SEVERITIES = ['page', 'ticket'] as const;

/**
 * Maintenance is declared by data points of this metric, one a minute with the value 1. They may be up to two hours ahead
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html), so that one call declares a window, and
 * it ends by itself: a declaration that somebody forgot can't keep alarms silent.
 */
export const MAINTENANCE = { metricName: 'tidemark_maintenance', periodSeconds: 60 } as const;

/** As SNS writes it: e-mail of people, HTTPS of an incident service. */
export const CONTACT = /^(?:[^\s@:/]+@[^\s@]+\.[^\s@]+|https:\/\/[^\s/@]+(?:\/\S*)?)$/;
export const CONTACT_ALLOWED = 'an e-mail address or an https:// URL';
