/** Two SNS topics, one for each severity of an alarm, with whom they reach; and the alarm that silences the others in maintenance. */
import { createHash } from 'node:crypto';
import { CloudwatchMetricAlarm } from '@cdktf/provider-aws/lib/cloudwatch-metric-alarm/index.js';
import { DataAwsCallerIdentity } from '@cdktf/provider-aws/lib/data-aws-caller-identity/index.js';
import { SnsTopicPolicy } from '@cdktf/provider-aws/lib/sns-topic-policy/index.js';
import { SnsTopicSubscription } from '@cdktf/provider-aws/lib/sns-topic-subscription/index.js';
import { SnsTopic } from '@cdktf/provider-aws/lib/sns-topic/index.js';
import { Construct } from 'constructs';
import { check, policyJson, type Grantee } from '../common/index.ts';
import { CONTACT, CONTACT_ALLOWED, MAINTENANCE, SEVERITIES } from './defaults.ts';

export interface NotificationsProps {
  /** What everything of it is called: `tidemark-production`. */
  readonly name: string;
  /** KMS key that CloudWatch alarms may use: `uses: ['alarms']` of EncryptionKey. */
  readonly encryptionKeyArn: string;
  /** Whom alarms reach: e-mail addresses, which have to confirm, and https URLs. */
  readonly contacts: Readonly<Record<Severity, readonly string[]>>;
  /** Namespace of the metric that declares maintenance: that of the platform's metrics. */
  readonly namespace: string;
}

export type Severity = (typeof SEVERITIES)[number];

/** Where alarms go, made here or elsewhere. */
export interface ExistingNotifications {
  readonly pageTopicArn: string;
  readonly ticketTopicArn: string;
  /** In ALARM while maintenance is declared: the actions suppressor of composite alarms. */
  readonly maintenanceAlarmName: string;
  readonly topicArn: (severity: Severity) => string;
}

export class Notifications extends Construct implements ExistingNotifications {
  static fromAttributes(attributes: Omit<ExistingNotifications, 'topicArn'>): ExistingNotifications {
    return { ...attributes, topicArn: (severity) => (severity === 'page' ? attributes.pageTopicArn : attributes.ticketTopicArn) };
  }

  readonly pageTopicArn: string;
  readonly ticketTopicArn: string;
  readonly maintenanceAlarmName: string;
  readonly topics: Readonly<Record<Severity, SnsTopic>>;
  readonly maintenanceAlarm: CloudwatchMetricAlarm;
  readonly #encryptionKeyArn: string;
  readonly #namespace: string;

  constructor(scope: Construct, id: string, props: NotificationsProps) {
    super(scope, id);
    const { name, contacts, namespace } = props;
    this.#encryptionKeyArn = props.encryptionKeyArn;
    this.#namespace = namespace;
    check(this, (m) => {
      m.text('name', name, /^[\w-]{1,200}$/, 'at most 200 letters, digits, - and _');
      m.text('namespace', namespace, /^(?!AWS\/)[\w.\-/#:]{1,255}$/, 'a CloudWatch namespace: at most 255 letters, digits and ._-/#:, not starting with AWS/');
      for (const severity of SEVERITIES) {
        const list = contacts[severity];
        for (const [i, contact] of list.entries()) {
          m.text(`contacts.${severity}[${i}]`, contact, CONTACT, CONTACT_ALLOWED);
          if (list.indexOf(contact) !== i) m.add(`contacts.${severity}[${i}]: ${contact} is named twice`);
        }
      }
      if (contacts.page.length === 0) m.add('contacts.page: nobody; name at least one, for alarms that wake somebody up');
    });
    const { accountId } = new DataAwsCallerIdentity(this, 'account');
    this.topics = { page: this.#topic('page', accountId, props), ticket: this.#topic('ticket', accountId, props) };
    this.pageTopicArn = this.topics.page.arn;
    this.ticketTopicArn = this.topics.ticket.arn;
    this.maintenanceAlarm = new CloudwatchMetricAlarm(this, 'maintenance', {
      alarmName: `${name}-maintenance`,
      alarmDescription: 'Maintenance or a drill is declared: while this is in ALARM, the SLA alarms take no action. Not a fault; it ends by itself. Runbook: docs/operations.md, Maintenance',
      // Whoever waits for alarms is to know when none will come, and when they come again.
      alarmActions: [this.ticketTopicArn], okActions: [this.ticketTopicArn],
      namespace, metricName: MAINTENANCE.metricName, statistic: 'Maximum', period: MAINTENANCE.periodSeconds, evaluationPeriods: 1,
      comparisonOperator: 'GreaterThanOrEqualToThreshold', threshold: 1,
      // No declaration, no maintenance.
      treatMissingData: 'notBreaching',
    });
    this.maintenanceAlarmName = this.maintenanceAlarm.alarmName;
  }

  readonly topicArn = (severity: Severity): string => (severity === 'page' ? this.pageTopicArn : this.ticketTopicArn);

  /** Lets it send to a topic. */
  readonly grantPublish = (grantee: Grantee, severity: Severity): void => {
    grantee.allow({ actions: ['sns:Publish'], resources: [this.topics[severity].arn] });
    grantee.allow({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [this.#encryptionKeyArn] });
  };

  /** Lets it declare maintenance, which silences the SLA alarms for up to two hours at a time. */
  readonly grantDeclareMaintenance = (grantee: Grantee): void => {
    // CloudWatch knows no resource for metrics, only their namespace.
    grantee.allow({ actions: ['cloudwatch:PutMetricData'], resources: ['*'], conditions: { StringEquals: { 'cloudwatch:namespace': this.#namespace } } });
  };

  #topic(severity: Severity, accountId: string, props: NotificationsProps): SnsTopic {
    const topic = new SnsTopic(this, severity, { name: `${props.name}-${severity}`, kmsMasterKeyId: props.encryptionKeyArn });
    const policy = new SnsTopicPolicy(this, `${severity}-policy`, {
      arn: topic.arn,
      policy: policyJson([
        {
          sid: 'Alarms', actions: ['sns:Publish'], resources: [topic.arn], principals: { Service: 'cloudwatch.amazonaws.com' },
          conditions: { StringEquals: { 'aws:SourceAccount': accountId } },
        },
        {
          sid: 'DenyPlainHttp', effect: 'Deny', actions: ['sns:Publish'], resources: [topic.arn], principals: { AWS: '*' },
          conditions: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ]),
    });
    for (const contact of props.contacts[severity]) {
      const https = contact.startsWith('https://');
      new SnsTopicSubscription(this, `${severity}-${createHash('sha256').update(contact).digest('hex').slice(0, 8)}`, {
        topicArn: topic.arn, protocol: https ? 'https' : 'email', endpoint: contact, dependsOn: [policy],
        // The receiver's own confirmation, which such services send by themselves.
        ...(https ? { endpointAutoConfirms: true } : {}),
      });
    }
    return topic;
  }
}
