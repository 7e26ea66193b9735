/**
 * What OpenSLO v1 demands of a document, as a JSON Schema for each kind: written down from the text of the specification and from
 * what its reference implementation checks (github.com/OpenSLO/go-sdk, pkg/openslo/v1). For tests; the schema files in the
 * specification's own repository name a property `rationMetric` and require one that is called ``, so no document passes them.
 */

const NAME = { type: 'string', pattern: '^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$' } as const;
const DURATION = { type: 'string', pattern: '^[1-9][0-9]*[mhdwMQY]$' } as const;
const DESCRIPTION = { type: 'string', maxLength: 1050 } as const;
const LABEL_KEY = '^[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$';
const LABEL_VALUE = { type: 'string', minLength: 1, maxLength: 63, pattern: '^[a-zA-Z0-9][a-zA-Z0-9._-]*$' } as const;
const ANNOTATION_KEY = '^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*/)?[a-zA-Z0-9](?:[-._a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$';

const object = (required: readonly string[], properties: object, optional: object = {}): object =>
  ({ type: 'object', additionalProperties: false, required, properties: { ...properties, ...optional } });

const METADATA = object(['name'], { name: NAME }, {
  displayName: { type: 'string', minLength: 1, maxLength: 63 },
  labels: {
    type: 'object', propertyNames: { pattern: LABEL_KEY }, additionalProperties: { anyOf: [LABEL_VALUE, { type: 'array', items: LABEL_VALUE }] },
  },
  annotations: { type: 'object', propertyNames: { pattern: ANNOTATION_KEY }, additionalProperties: { type: 'string' } },
});
const METRIC = object(['metricSource'], {
  metricSource: { ...object(['spec'], { spec: { type: 'object' } }, { metricSourceRef: NAME, type: { type: 'string', minLength: 1 } }), anyOf: [{ required: ['type'] }, { required: ['metricSourceRef'] }] },
});
const SLI_SPEC = {
  ...object([], {}, {
    description: DESCRIPTION, thresholdMetric: METRIC,
    ratioMetric: {
      ...object([], {}, { counter: { type: 'boolean' }, good: METRIC, bad: METRIC, total: METRIC, raw: METRIC, rawType: { enum: ['success', 'failure'] } }),
      oneOf: [{ required: ['counter', 'good', 'total'] }, { required: ['counter', 'bad', 'total'] }, { required: ['raw', 'rawType'] }],
    },
  }),
  oneOf: [{ required: ['thresholdMetric'] }, { required: ['ratioMetric'] }],
};

const SPECS: Readonly<Record<string, object>> = {
  Service: object([], {}, { description: DESCRIPTION }),
  SLO: {
    ...object(['service', 'budgetingMethod', 'objectives'], {
      service: NAME,
      budgetingMethod: { enum: ['Occurrences', 'Timeslices', 'RatioTimeslices'] },
      objectives: {
        type: 'array', minItems: 1,
        items: {
          ...object([], {}, {
            displayName: { type: 'string' }, op: { enum: ['lte', 'gte', 'lt', 'gt'] }, value: { type: 'number' },
            target: { type: 'number', minimum: 0, exclusiveMaximum: 1 }, targetPercent: { type: 'number', minimum: 0, exclusiveMaximum: 100 },
          }),
          oneOf: [{ required: ['target'] }, { required: ['targetPercent'] }],
        },
      },
    }, {
      description: DESCRIPTION, indicatorRef: NAME, indicator: object(['metadata', 'spec'], { metadata: METADATA, spec: SLI_SPEC }),
      timeWindow: { type: 'array', minItems: 1, maxItems: 1, items: object(['duration', 'isRolling'], { duration: DURATION, isRolling: { const: true } }) },
      alertPolicies: { type: 'array', items: object(['alertPolicyRef'], { alertPolicyRef: NAME }) },
    }),
    oneOf: [{ required: ['indicator'] }, { required: ['indicatorRef'] }],
  },
  AlertPolicy: object(['conditions', 'notificationTargets'], {
    conditions: { type: 'array', minItems: 1, maxItems: 1, items: object(['conditionRef'], { conditionRef: NAME }) },
    notificationTargets: { type: 'array', minItems: 1, items: object(['targetRef'], { targetRef: NAME }) },
  }, { description: DESCRIPTION, alertWhenNoData: { type: 'boolean' }, alertWhenResolved: { type: 'boolean' }, alertWhenBreaching: { type: 'boolean' } }),
  AlertCondition: object(['severity', 'condition'], {
    severity: { type: 'string', minLength: 1 },
    condition: object(['kind', 'op', 'threshold', 'lookbackWindow', 'alertAfter'], {
      kind: { const: 'burnrate' }, op: { enum: ['lte', 'gte', 'lt', 'gt'] }, threshold: { type: 'number' }, lookbackWindow: DURATION, alertAfter: DURATION,
    }),
  }, { description: DESCRIPTION }),
  AlertNotificationTarget: object(['target'], { target: { type: 'string', minLength: 1 } }, { description: DESCRIPTION }),
};

/** By kind. */
export const OPEN_SLO_SCHEMAS: Readonly<Record<string, object>> = Object.fromEntries(Object.entries(SPECS).map(([kind, spec]) => [
  kind, object(['apiVersion', 'kind', 'metadata', 'spec'], { apiVersion: { const: 'openslo/v1' }, kind: { const: kind }, metadata: METADATA, spec }),
]));
