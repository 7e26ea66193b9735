/** OpenSLO v1, as far as it is written here (https://github.com/OpenSLO/OpenSLO#specification). */

export interface Document<K extends string, S> {
  readonly apiVersion: 'openslo/v1';
  readonly kind: K;
  readonly metadata: Metadata;
  readonly spec: S;
}

export interface Metadata {
  /** A DNS label: at most 63 lower-case letters, digits and hyphens. */
  readonly name: string;
  /** At most 63 characters. */
  readonly displayName?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface MetricSource {
  readonly metricSource: { readonly type: string; readonly spec: Readonly<Record<string, unknown>> };
}

export type ServiceDocument = Document<'Service', { readonly description: string }>;

export type SloDocument = Document<'SLO', {
  readonly description: string;
  readonly service: string;
  readonly indicator: {
    readonly metadata: Metadata;
    readonly spec: {
      readonly description: string;
      readonly ratioMetric: { readonly counter: boolean; readonly good: MetricSource; readonly total: MetricSource };
    };
  };
  readonly timeWindow: readonly [{ readonly duration: string; readonly isRolling: true }];
  readonly budgetingMethod: 'Occurrences';
  readonly objectives: readonly [{ readonly displayName: string; readonly target: number }];
  readonly alertPolicies: readonly { readonly alertPolicyRef: string }[];
}>;

export type AlertPolicyDocument = Document<'AlertPolicy', {
  readonly description: string;
  readonly alertWhenBreaching: boolean;
  readonly alertWhenResolved: boolean;
  readonly alertWhenNoData: boolean;
  /** One, says the specification. */
  readonly conditions: readonly [{ readonly conditionRef: string }];
  readonly notificationTargets: readonly { readonly targetRef: string }[];
}>;

export type AlertConditionDocument = Document<'AlertCondition', {
  readonly description: string;
  readonly severity: string;
  readonly condition: {
    readonly kind: 'burnrate';
    readonly op: 'gt';
    readonly threshold: number;
    readonly lookbackWindow: string;
    readonly alertAfter: string;
  };
}>;

export type AlertNotificationTargetDocument = Document<'AlertNotificationTarget', { readonly description: string; readonly target: string }>;

export type OpenSloDocument = ServiceDocument | SloDocument | AlertPolicyDocument | AlertConditionDocument | AlertNotificationTargetDocument;
