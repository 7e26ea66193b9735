/** All rules of the kit, in the order of reports. */
import type { Rule } from '../model.ts';
import { EC2_RULES } from './ec2.ts';
import { ECR_RULES } from './ecr.ts';
import { ECS_RULES } from './ecs.ts';
import { ELB_RULES } from './elb.ts';
import { IAM_RULES } from './iam.ts';
import { KEY_RULES } from './keys.ts';
import { NETWORK_RULES } from './network.ts';
import { OPERATIONS_RULES } from './operations.ts';
import { RDS_RULES } from './rds.ts';
import { S3_RULES } from './s3.ts';
import { SECURITY_GROUP_RULES } from './security-groups.ts';
import { TERRAFORM_RULES } from './terraform.ts';

export const RULES: readonly Rule[] = [
  ...S3_RULES,
  ...RDS_RULES,
  ...KEY_RULES,
  ...IAM_RULES,
  ...NETWORK_RULES,
  ...SECURITY_GROUP_RULES,
  ...EC2_RULES,
  ...ECS_RULES,
  ...ECR_RULES,
  ...ELB_RULES,
  ...OPERATIONS_RULES,
  ...TERRAFORM_RULES,
];
