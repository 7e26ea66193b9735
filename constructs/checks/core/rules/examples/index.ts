/** Examples of all rules, by rule id. */
import { EC2_EXAMPLES } from './ec2.ts';
import { ECS_EXAMPLES } from './ecs.ts';
import { ELB_EXAMPLES } from './elb.ts';
import { IAM_EXAMPLES } from './iam.ts';
import { KEY_EXAMPLES } from './keys.ts';
import type { Examples } from './model.ts';
import { NETWORK_EXAMPLES } from './network.ts';
import { OPERATIONS_EXAMPLES } from './operations.ts';
import { RDS_EXAMPLES } from './rds.ts';
import { S3_EXAMPLES } from './s3.ts';
import { TERRAFORM_EXAMPLES } from './terraform.ts';

export type { Example, Examples } from './model.ts';

export const EXAMPLES: Examples = {
  ...S3_EXAMPLES,
  ...RDS_EXAMPLES,
  ...KEY_EXAMPLES,
  ...IAM_EXAMPLES,
  ...NETWORK_EXAMPLES,
  ...EC2_EXAMPLES,
  ...ECS_EXAMPLES,
  ...ELB_EXAMPLES,
  ...OPERATIONS_EXAMPLES,
  ...TERRAFORM_EXAMPLES,
};
