/** What a repository is like when nothing else is said. */
export const SERVICE_IMAGE_DEFAULTS = {
  /**
   * Versions that stay. ECR counts pushes and knows nothing of what is deployed: an image that a host still starts from must not
   * go because others were pushed after it. So this is years of releases, far above what is ever in use, and only bounds the cost.
   */
  keepImages: 500,
  scanOnPush: true,
  /** A tag once pushed means the same image for ever. */
  imageTagMutability: 'IMMUTABLE',
} as const;

export const LIMITS = {
  /** Of a count in a lifecycle rule that makes sense here. */
  keepImages: { least: 5, most: 1_000 },
  /** Destinations of all replication rules of a registry (ECR service quota). */
  replicationDestinations: 25,
} as const;

/** Actions on a repository. */
export const PULL_ACTIONS = ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'] as const;
export const PUSH_ACTIONS = [
  ...PULL_ACTIONS, 'ecr:CompleteLayerUpload', 'ecr:DescribeImages', 'ecr:InitiateLayerUpload', 'ecr:PutImage', 'ecr:UploadLayerPart',
] as const;
/** Logging in to a registry; IAM knows no resource for it. */
export const LOGIN_ACTION = 'ecr:GetAuthorizationToken';

/**
 * Tagged images beyond the newest are deleted. `tidemark images push` tags everything that is pinned; what has no tag is
 * part of a tagged image for several platforms, so there is no rule for it.
 */
export const lifecyclePolicy = (keepImages: number): string => JSON.stringify({
  rules: [{
    rulePriority: 1, description: `keep the newest ${keepImages}`,
    selection: { tagStatus: 'tagged', tagPatternList: ['*'], countType: 'imageCountMoreThan', countNumber: keepImages },
    action: { type: 'expire' },
  }],
});
