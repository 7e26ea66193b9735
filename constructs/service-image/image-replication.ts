/** Copies of images in other AWS regions, so that a host starts from a registry nearby when the centre's is out of reach. */
import { EcrReplicationConfiguration } from '@cdktf/provider-aws/lib/ecr-replication-configuration/index.js';
import { EcrRepositoryCreationTemplate } from '@cdktf/provider-aws/lib/ecr-repository-creation-template/index.js';
import { type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { check } from '../common/index.ts';
import { lifecyclePolicy, LIMITS, SERVICE_IMAGE_DEFAULTS } from './defaults.ts';

export interface ImageReplicationProps {
  /** AWS regions to copy to; not the one that images are pushed to. */
  readonly regions: readonly string[];
  /** Account of the registry, 12 digits. */
  readonly accountId: string;
  /** What names of repositories to copy begin with, up to a slash. @default 'tidemark' */
  readonly prefix?: string;
  /** Tagged images that stay in each region. @default 50 */
  readonly keepImages?: number;
  /** Of the AWS region that images are pushed to. @default - the stack's */
  readonly provider?: TerraformProvider;
}

/**
 * A registry has one replication configuration for an AWS account and region: this construct is it. Repositories that
 * replication makes get the settings of a template in their own region, because ECR does not copy settings.
 */
export class ImageReplication extends Construct {
  readonly configuration: EcrReplicationConfiguration;
  /** By AWS region. */
  readonly templates: Readonly<Record<string, EcrRepositoryCreationTemplate>>;

  constructor(scope: Construct, id: string, props: ImageReplicationProps) {
    super(scope, id);
    const { regions, accountId, prefix = 'tidemark' } = props;
    const { least, most } = LIMITS.keepImages;
    check(this, (m) => {
      if (regions.length === 0) m.add('regions: none; leave the construct out where nothing is to be copied');
      if (regions.length > LIMITS.replicationDestinations) {
        m.add(`regions: ${regions.length}, ECR copies to ${LIMITS.replicationDestinations} at most`);
      }
      for (const [i, region] of regions.entries()) {
        m.text(`regions[${i}]`, region, /^[a-z]{2}(?:-[a-z]+)+-[0-9]$/, 'an AWS region such as eu-west-1');
        if (regions.indexOf(region) !== i) m.add(`regions[${i}]: ${region} is named twice`);
      }
      m.text('accountId', accountId, /^[0-9]{12}$/, 'an AWS account id of 12 digits');
      m.text('prefix', prefix, /^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/, 'the beginning of repository names, without a slash at its end');
      m.range('keepImages', props.keepImages, least, most, 'images');
    });
    const provider = props.provider === undefined ? {} : { provider: props.provider };
    this.templates = Object.fromEntries(regions.map((region) => [region, new EcrRepositoryCreationTemplate(this, `template-${region}`, {
      region, prefix, description: 'copies of images of services', appliedFor: ['REPLICATION'],
      imageTagMutability: SERVICE_IMAGE_DEFAULTS.imageTagMutability,
      lifecyclePolicy: lifecyclePolicy(props.keepImages ?? SERVICE_IMAGE_DEFAULTS.keepImages),
      encryptionConfiguration: [{ encryptionType: 'AES256' }], ...provider,
    })]));
    this.configuration = new EcrReplicationConfiguration(this, 'configuration', {
      replicationConfiguration: {
        rule: [{
          destination: regions.map((region) => ({ region, registryId: accountId })),
          repositoryFilter: [{ filter: `${prefix}/`, filterType: 'PREFIX_MATCH' }],
        }],
      },
      // A repository that is made before its template keeps other settings for ever.
      dependsOn: Object.values(this.templates), ...provider,
    });
  }
}
