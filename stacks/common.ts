/** What the three stacks share: providers, state, names, image pins. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { LocalBackend, S3Backend, type TerraformProvider, type TerraformStack } from 'cdktf';
import { stackName, type StackId } from '../constructs/common/index.ts';
import { awsRegionOf, type AddressPlan, type DeployedPlatform, type Edge, type Region } from '../platform/index.ts';
import type { ImageLock } from '../constructs/service-image/index.ts';

export type { DeployedPlatform };

export interface StackProps {
  readonly platform: DeployedPlatform;
  /** Networks of all stacks: `planAddresses`. */
  readonly addresses: AddressPlan;
  /** Digests that `tidemark images` recorded; without one, an image's digest becomes a variable of the stack. */
  readonly images?: ImageLock | undefined;
}

export interface RegionStackProps extends StackProps {
  readonly region: Region;
}

export interface EdgeStackProps extends RegionStackProps {
  readonly edge: Edge;
}

export interface Providers {
  /** AWS region of the stack's own location; the stack's default. */
  readonly own: TerraformProvider;
  /** AWS region of the control plane: the same provider where that is the same region. */
  readonly global: TerraformProvider;
  readonly ownRegion: string;
  readonly globalRegion: string;
}

/** `tidemark-production`: what every name starts with. */
export const namePrefix = (platform: DeployedPlatform): string => `${platform.name}-${platform.deploy.environment}`;

/** What runbooks of alarms and dashboards are found below, as far as the definition says it. */
export const runbooksOf = ({ deploy }: DeployedPlatform): { readonly runbookBaseUrl?: string } =>
  (deploy.runbooks === undefined ? {} : { runbookBaseUrl: deploy.runbooks });

export const stackId = <K extends StackId['kind']>(platform: DeployedPlatform, kind: K, id?: string): StackId<K> => ({
  platform: platform.name, environment: platform.deploy.environment, kind, ...(id === undefined ? {} : { id }),
});

/** Releases of the AWS provider that know everything that is written here. */
const AWS_PROVIDER = '~> 6.25';

/** The stack's providers and its state: to be made first in every stack. */
export function setUp(stack: TerraformStack, platform: DeployedPlatform, self: StackId, location: string): Providers {
  const { deploy } = platform;
  // The bindings say ~> 6.0; Ed25519 keys and regions of ECR's templates came later.
  stack.addOverride('terraform.required_providers.aws.version', AWS_PROVIDER);
  // `use_lockfile` below came with it; asked for always, so that a change of where the state is needs no other Terraform.
  stack.addOverride('terraform.required_version', '>= 1.10');
  const ownRegion = awsRegionOf(location, platform);
  const globalRegion = awsRegionOf(platform.controlPlane.location, platform);
  const own = provider(stack, 'aws', platform, self, ownRegion);
  const global = ownRegion === globalRegion ? own : provider(stack, 'aws-global', platform, self, globalRegion, 'global');
  const key = `${platform.name}/${deploy.environment}/${stackName(self)}.tfstate`;
  if (deploy.state === undefined) {
    // Beside cdktf.out, not in it: what is synthesized may be thrown away, the state may not.
    new LocalBackend(stack, { path: `../../../terraform.${stackName(self)}.tfstate` });
  } else {
    const { bucket, region, kmsKeyArn } = deploy.state;
    const backend = new S3Backend(stack, { bucket, region, key, encrypt: true, ...(kmsKeyArn === undefined ? {} : { kmsKeyId: kmsKeyArn }) });
    // A lock file beside the state (Terraform 1.10); the DynamoDB table is deprecated.
    backend.addOverride('use_lockfile', true);
  }
  return { own, global, ownRegion, globalRegion };
}

/** A provider of one AWS region with the platform's tags, refusing any other account than the platform's. */
export function provider(
  stack: TerraformStack, id: string, platform: DeployedPlatform, self: StackId, region: string, alias?: string,
): TerraformProvider {
  const { deploy } = platform;
  return new AwsProvider(stack, id, {
    region,
    ...(alias === undefined ? {} : { alias }),
    ...(deploy.accountId === undefined ? {} : { allowedAccountIds: [deploy.accountId] }),
    defaultTags: [{
      tags: {
        ...deploy.tags,
        'tidemark:platform': platform.name, 'tidemark:environment': deploy.environment, 'tidemark:stack': stackName(self),
        'tidemark:managed-by': 'terraform',
      },
    }],
  });
}
