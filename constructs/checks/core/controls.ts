/**
 * The controls that rules help with: CIS Amazon Web Services Foundations Benchmark (versions 3.0.0 and 4.0.0, whose numbers
 * differ) and the AICPA's Trust Services Criteria (2017, revised points of focus 2022) that SOC 2 reports are written against.
 * A rule is evidence for a control, never the whole of it.
 */

interface CisControl {
  /** Number in version 3.0.0; absent where that version has no such control. */
  readonly v3?: string;
  /** Number in version 4.0.0. */
  readonly v4?: string;
  readonly title: string;
}

export const CIS = {
  'user-permissions': { v3: '1.15', v4: '1.15', title: 'IAM users receive permissions only through groups' },
  'no-admin-policies': { v3: '1.16', v4: '1.16', title: 'IAM policies that allow full "*:*" privileges are not attached' },
  'instance-roles': { v3: '1.18', v4: '1.18', title: 'IAM instance roles are used for AWS resource access from instances' },
  'cloudshell-access': { v3: '1.22', v4: '1.22', title: 'Access to AWSCloudShellFullAccess is restricted' },
  's3-tls': { v3: '2.1.1', v4: '2.1.1', title: 'S3 bucket policy is set to deny HTTP requests' },
  's3-public-access': { v3: '2.1.4', v4: '2.1.4', title: 'S3 is configured with Block Public Access enabled' },
  'ebs-encryption': { v3: '2.2.1', v4: '5.1.1', title: 'EBS volume encryption is enabled in all regions' },
  'rds-encryption': { v3: '2.3.1', v4: '2.2.1', title: 'Encryption at rest is enabled for RDS instances' },
  'rds-upgrades': { v3: '2.3.2', v4: '2.2.2', title: 'Auto Minor Version Upgrade is enabled for RDS instances' },
  'rds-public': { v3: '2.3.3', v4: '2.2.3', title: 'RDS instances are not publicly accessible' },
  'rds-multi-az': { v4: '2.2.4', title: 'Multi-AZ deployments are used for enhanced availability in RDS' },
  'efs-encryption': { v3: '2.4.1', v4: '2.3.1', title: 'Encryption is enabled for EFS file systems' },
  'trail-regions': { v3: '3.1', v4: '3.1', title: 'CloudTrail is enabled in all regions' },
  'trail-validation': { v3: '3.2', v4: '3.2', title: 'CloudTrail log file validation is enabled' },
  'trail-encryption': { v3: '3.5', v4: '3.5', title: 'CloudTrail logs are encrypted at rest using KMS CMKs' },
  'kms-rotation': { v3: '3.6', v4: '3.6', title: 'Rotation for customer-created symmetric CMKs is enabled' },
  'flow-logs': { v3: '3.7', v4: '3.7', title: 'VPC flow logging is enabled in all VPCs' },
  'acl-admin-ports': {
    v3: '5.1',
    v4: '5.2',
    title: 'No network ACLs allow ingress from 0.0.0.0/0 to remote server administration ports',
  },
  'sg-admin-ports-ipv4': {
    v3: '5.2',
    v4: '5.3',
    title: 'No security groups allow ingress from 0.0.0.0/0 to remote server administration ports',
  },
  'sg-admin-ports-ipv6': {
    v3: '5.3',
    v4: '5.4',
    title: 'No security groups allow ingress from ::/0 to remote server administration ports',
  },
  'default-sg': { v3: '5.4', v4: '5.5', title: 'The default security group of every VPC restricts all traffic' },
  'peering-routes': { v3: '5.5', v4: '5.6', title: 'Routing tables for VPC peering are "least access"' },
  imdsv2: { v3: '5.6', v4: '5.7', title: 'The EC2 metadata service only allows IMDSv2' },
} as const satisfies Record<string, CisControl>;

export const SOC2 = {
  'CC6.1': 'Logical access security over protected information assets',
  'CC6.3': 'Access by roles, least privilege and segregation of duties',
  'CC6.6': 'Protection against threats from outside the system boundaries',
  'CC6.7': 'Protection of information during transmission, movement and removal',
  'CC6.8': 'Prevention and detection of unauthorized or malicious software',
  'CC7.1': 'Detection of new vulnerabilities and of configuration changes that bring them',
  'CC7.2': 'Monitoring of system components for anomalies',
  'CC7.3': 'Evaluation of security events',
  'CC7.4': 'Response to security incidents',
  'CC7.5': 'Recovery from security incidents',
  'CC8.1': 'Authorized, tested and documented changes',
  'A1.2': 'Environmental protections, backups and recovery infrastructure',
  'C1.1': 'Confidential information is identified and maintained',
  'C1.2': 'Confidential information is disposed of',
} as const satisfies Record<string, string>;

type CisKey = keyof typeof CIS;
type Criterion = keyof typeof SOC2;
export type Control = CisKey | Criterion;

/** A control as reports name it: one entry per framework and version. */
export interface ControlReference {
  readonly framework: 'CIS AWS Foundations 3.0.0' | 'CIS AWS Foundations 4.0.0' | 'SOC 2';
  /** `2.1.1`, `CC6.7`. */
  readonly control: string;
  readonly title: string;
}

/** Controls under the names of the frameworks, in the order given. */
export function controlReferences(controls: readonly Control[]): ControlReference[] {
  return controls.flatMap((key): ControlReference[] => {
    if (key in SOC2) return [{ framework: 'SOC 2', control: key, title: SOC2[key as Criterion] }];
    const { v3, v4, title }: CisControl = CIS[key as CisKey];
    return [
      ...(v3 === undefined ? [] : [{ framework: 'CIS AWS Foundations 3.0.0' as const, control: v3, title }]),
      ...(v4 === undefined ? [] : [{ framework: 'CIS AWS Foundations 4.0.0' as const, control: v4, title }]),
    ];
  });
}

/** `CIS 3.0.0: 2.2.1; CIS 4.0.0: 5.1.1; SOC 2: CC6.1, CC6.7`. */
export function controlsText(controls: readonly Control[]): string {
  const byFramework = new Map<string, string[]>();
  for (const { framework, control } of controlReferences(controls)) {
    const short = framework.replace('AWS Foundations ', '');
    byFramework.set(short, [...(byFramework.get(short) ?? []), control]);
  }
  return [...byFramework].map(([framework, numbers]) => `${framework}: ${numbers.join(', ')}`).join('; ');
}
