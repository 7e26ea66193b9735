/** Repositories of images. */
import type { Rule } from '../model.ts';
import { block, blocks, mustBeOneOf, mustBeSet, mustBeTrue } from '../values.ts';

export const ECR_RULES: readonly Rule[] = [
  {
    id: 'TM-ECR-01',
    severity: 'medium',
    controls: ['CC6.8', 'CC8.1'],
    types: ['aws_ecr_repository'],
    what: 'Tags of a repository cannot be moved.',
    why: 'What was reviewed under a tag stays what is under it.',
    fix: 'Set image_tag_mutability IMMUTABLE.',
    check: ({ attributes }) =>
      mustBeOneOf(attributes['image_tag_mutability'], ['IMMUTABLE', 'IMMUTABLE_WITH_EXCLUSION'], 'its tags can be moved'),
  },
  {
    id: 'TM-ECR-02',
    severity: 'medium',
    controls: ['CC6.8', 'CC7.1'],
    types: ['aws_ecr_repository'],
    what: 'Images are scanned for known weaknesses.',
    why: 'A base image that was sound when it was pinned does not stay so.',
    fix: 'Set image_scanning_configuration.scan_on_push true, or add aws_ecr_registry_scanning_configuration.',
    check: (repository, tree) =>
      tree.ofType('aws_ecr_registry_scanning_configuration').some((r) => blocks(r, 'rule').length > 0)
        ? []
        : mustBeTrue(block(repository, 'image_scanning_configuration')['scan_on_push'], 'images are not scanned'),
  },
  {
    id: 'TM-ECR-03',
    severity: 'low',
    controls: ['CC6.1'],
    types: ['aws_ecr_repository'],
    what: "Images are encrypted with a key of one's own.",
    why: 'Pulling then needs a permission on the key too, which is logged and taken away apart.',
    fix: 'Set encryption_configuration with encryption_type KMS and kms_key.',
    check: (repository) => {
      const encryption = block(repository, 'encryption_configuration');
      return [
        ...mustBeOneOf(encryption['encryption_type'], ['KMS', 'KMS_DSSE'], 'is not encrypted with KMS'),
        ...(encryption['encryption_type'] === undefined
          ? []
          : mustBeSet(encryption['kms_key'], 'has no key of its own (kms_key)')),
      ];
    },
  },
];
