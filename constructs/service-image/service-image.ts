/** A container image by digest, where it is, and who may fetch it. */
import { EcrLifecyclePolicy } from '@cdktf/provider-aws/lib/ecr-lifecycle-policy/index.js';
import { EcrRepository } from '@cdktf/provider-aws/lib/ecr-repository/index.js';
import { EcrRepositoryPolicy } from '@cdktf/provider-aws/lib/ecr-repository-policy/index.js';
import { type TerraformProvider, Token } from 'cdktf';
import { Construct } from 'constructs';
import { partitionOf } from '../../platform/aws.ts';
import { check, ConstructError, type Grantee } from '../common/index.ts';
import { lifecyclePolicy, LIMITS, LOGIN_ACTION, PULL_ACTIONS, PUSH_ACTIONS, SERVICE_IMAGE_DEFAULTS } from './defaults.ts';
import { digestOf, repositoryOf } from './digest.ts';
import { type ImageLock } from './lock.ts';

/** An image that a container definition can name. */
export interface ServiceImageRef {
  /** By digest: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/tidemark/edge-node@sha256:...`. */
  readonly imageUri: string;
  /** Of the ECR repository; undefined for other registries. */
  readonly repositoryArn: string | undefined;
  /**
   * Lets whoever starts containers (an execution role) fetch the image. Nothing is needed for registries other than ECR, whose
   * credentials are their own.
   */
  readonly grantPull: (grantee: Grantee) => void;
}

export interface ServiceImageProps {
  /** Of the repository, in small letters: `tidemark/edge-node`. */
  readonly name: string;
  /** Digests. @default - the digest is a variable of the stack, which is made when `imageUri` is used */
  readonly lock?: ImageLock | undefined;
  /** ARN of a key that layers are encrypted with. It cannot be changed later. @default - AES-256 with keys of ECR's own */
  readonly kmsKeyArn?: string;
  /** Tagged images that stay, 5 to 1,000; keep more than there are versions in use anywhere. @default 50 */
  readonly keepImages?: number;
  /** Whether ECR looks for known vulnerabilities in what is pushed. @default true */
  readonly scanOnPush?: boolean;
  /** AWS accounts, 12 digits each, that may fetch as well. @default - this account only */
  readonly pullAccountIds?: readonly string[];
  /** Whether the repository can be deleted while it holds images. @default false */
  readonly forceDelete?: boolean;
  /** @default - the stack's */
  readonly provider?: TerraformProvider;
  /** @default - none beside the provider's */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface LockedImageProps {
  /** As the lock file has it: `tidemark/edge-node`, `nats`. */
  readonly name: string;
  /** @default - the digest is a variable of the stack */
  readonly lock?: ImageLock | undefined;
  /**
   * Host of the registry that has the kit's own images: see {@link ecrRegistry}. For images of others it replaces the one they
   * were pinned in, as a pull-through cache does.
   *
   * @default - for images of others, where they were pinned; for the kit's own it is needed
   */
  readonly registry?: string;
  /** ARN of the ECR repository, where `registry` does not show it. @default - from `registry` */
  readonly repositoryArn?: string;
}

export interface ImageUriProps {
  /** With a digest: `registry/repository@sha256:...`. */
  readonly uri: string;
  /** @default - from the URI, when it is one of ECR's */
  readonly repositoryArn?: string;
}

const NAME = /^(?=.{2,256}$)[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/;
const BY_DIGEST = /^[^@\s]+\/[^@\s]+@sha256:[0-9a-f]{64}$/;
/** Account and region may be tokens. */
const ECR = /^(.+)\.dkr\.ecr(?:-fips)?\.([^.]+)\.amazonaws\.com(?:\.cn)?$/;

/** `123456789012.dkr.ecr.eu-west-1.amazonaws.com`. */
export const ecrRegistry = (accountId: string, region: string): string =>
  `${accountId}.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;

/** An ECR repository for one image: immutable tags, scanned, encrypted, old versions deleted. */
export class ServiceImage extends Construct implements ServiceImageRef {
  readonly repository: EcrRepository;
  readonly lifecycle: EcrLifecyclePolicy;
  readonly policy: EcrRepositoryPolicy | undefined;
  readonly repositoryArn: string;
  /** Without tag and digest. */
  readonly repositoryUrl: string;
  readonly #props: ServiceImageProps;

  constructor(scope: Construct, id: string, props: ServiceImageProps) {
    super(scope, id);
    const { least, most } = LIMITS.keepImages;
    check(this, (m) => {
      m.text('name', props.name, NAME, 'a repository name of 2 to 256 small letters, digits, ., -, _ and /');
      m.range('keepImages', props.keepImages, least, most, 'images');
      m.text('kmsKeyArn', props.kmsKeyArn, /^arn:[^:]+:kms:[^:]+:[^:]+:(?:key|alias)\//, 'the ARN of a KMS key');
      for (const [i, account] of (props.pullAccountIds ?? []).entries()) {
        m.text(`pullAccountIds[${i}]`, account, /^[0-9]{12}$/, 'an AWS account id of 12 digits');
      }
    });
    this.#props = props;
    const provider = props.provider === undefined ? {} : { provider: props.provider };
    this.repository = new EcrRepository(this, 'repository', {
      name: props.name, imageTagMutability: SERVICE_IMAGE_DEFAULTS.imageTagMutability, forceDelete: props.forceDelete ?? false,
      imageScanningConfiguration: { scanOnPush: props.scanOnPush ?? SERVICE_IMAGE_DEFAULTS.scanOnPush },
      encryptionConfiguration: [props.kmsKeyArn === undefined ? { encryptionType: 'AES256' } : { encryptionType: 'KMS', kmsKey: props.kmsKeyArn }],
      ...(props.tags === undefined ? {} : { tags: { ...props.tags } }), ...provider,
    });
    this.lifecycle = new EcrLifecyclePolicy(this, 'lifecycle', {
      repository: this.repository.name, policy: lifecyclePolicy(props.keepImages ?? SERVICE_IMAGE_DEFAULTS.keepImages), ...provider,
    });
    this.policy = (props.pullAccountIds ?? []).length === 0 ? undefined : new EcrRepositoryPolicy(this, 'policy', {
      repository: this.repository.name, policy: pullPolicy(props.pullAccountIds ?? []), ...provider,
    });
    this.repositoryArn = this.repository.arn;
    this.repositoryUrl = this.repository.repositoryUrl;
  }

  /** An image by what the lock file says of it: one of the kit's own in a registry, or one of others where it was pinned. */
  static fromLock(scope: Construct, id: string, props: LockedImageProps): ServiceImageRef {
    const holder = new Construct(scope, id);
    const { name, lock, registry } = props;
    const pinned = repositoryOf(lock, name);
    check(holder, (m) => {
      m.text('name', name, NAME, 'the name of an image in the lock file');
      if (registry === undefined && pinned === undefined) {
        m.add(`registry: needed for ${JSON.stringify(name)}: the lock file says which bytes it is, not which registry has it; `
          + 'give ecrRegistry(account, region)');
      }
    });
    const path = pinned === undefined ? name : pinned.slice(pinned.indexOf('/') + 1);
    const repository = registry === undefined ? pinned! : `${registry}/${path}`;
    return reference(holder, repository, () => digestOf(holder, lock, name), props.repositoryArn);
  }

  /** An image by its URI, whoever made it. */
  static fromUri(scope: Construct, id: string, { uri, repositoryArn }: ImageUriProps): ServiceImageRef {
    const holder = new Construct(scope, id);
    check(holder, (m) => m.text('uri', uri, BY_DIGEST, 'an image by digest, registry/repository@sha256:... (a tag can be moved to other bytes)'));
    const [repository = '', digest = ''] = uri.split('@');
    return Token.isUnresolved(uri) && digest === ''
      ? { imageUri: uri, repositoryArn, grantPull: granter(holder, repositoryArn, uri) }
      : reference(holder, repository, () => digest, repositoryArn);
  }

  get imageUri(): string {
    return `${this.repositoryUrl}@${digestOf(this, this.#props.lock, this.#props.name)}`;
  }

  readonly grantPull = (grantee: Grantee): void => grant(grantee, PULL_ACTIONS, this.repositoryArn);

  /** Lets whoever builds put images into the repository. */
  readonly grantPush = (grantee: Grantee): void => grant(grantee, PUSH_ACTIONS, this.repositoryArn);
}

/** @param digest asked for once the URI is */
function reference(holder: Construct, repository: string, digest: () => string, givenArn: string | undefined): ServiceImageRef {
  const repositoryArn = givenArn ?? arnOf(repository);
  return {
    get imageUri() {
      return `${repository}@${digest()}`;
    },
    repositoryArn,
    grantPull: granter(holder, repositoryArn, repository),
  };
}

function granter(holder: Construct, repositoryArn: string | undefined, repository: string): (grantee: Grantee) => void {
  return (grantee) => {
    if (repositoryArn !== undefined) grant(grantee, PULL_ACTIONS, repositoryArn);
    else if (Token.isUnresolved(repository)) {
      throw new ConstructError(holder.node.path, [
        'repositoryArn: needed to allow fetching: the registry is known at apply time only, so it does not show whether it is ECR',
      ]);
    }
  };
}

/** Of a repository whose registry is ECR's. */
function arnOf(repository: string): string | undefined {
  const slash = repository.indexOf('/');
  const [, accountId, region] = ECR.exec(repository.slice(0, slash)) ?? [];
  if (accountId === undefined || region === undefined) return undefined;
  return `arn:${partitionOf(region)}:ecr:${region}:${accountId}:repository/${repository.slice(slash + 1)}`;
}

function grant(grantee: Grantee, actions: readonly string[], repositoryArn: string): void {
  grantee.allow({ actions, resources: [repositoryArn] });
  grantee.allow({ actions: [LOGIN_ACTION], resources: ['*'] });
}

/** A repository's policy is about the repository: ECR takes no Resource in it. */
const pullPolicy = (accountIds: readonly string[]): string => JSON.stringify({
  Version: '2012-10-17',
  Statement: [{
    Sid: 'Pull', Effect: 'Allow', Principal: { AWS: accountIds.map((id) => `arn:aws:iam::${id}:root`) }, Action: PULL_ACTIONS,
  }],
});
