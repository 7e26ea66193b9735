import { describe, expect, test } from 'vitest';
import { ConstructError } from '../common/index.ts';
import { synthStack } from '../common/testing.ts';
import { ImageReplication, type ImageReplicationProps } from './index.ts';

const accountId = '123456789012';
const synth = (props: Partial<ImageReplicationProps>) =>
  synthStack((stack) => void new ImageReplication(stack, 'copies', { regions: ['eu-central-1', 'us-east-1'], accountId, ...props }));

describe('copies of images', () => {
  test('go to each region, for the kit\'s repositories only', () => {
    expect(synth({}).only('aws_ecr_replication_configuration')['replication_configuration']).toEqual({
      rule: [{
        destination: [{ region: 'eu-central-1', registry_id: accountId }, { region: 'us-east-1', registry_id: accountId }],
        repository_filter: [{ filter: 'tidemark/', filter_type: 'PREFIX_MATCH' }],
      }],
    });
  });

  test('are in repositories like the first one, which is made sure of before anything is copied', () => {
    const synthesized = synth({ prefix: 'clearing/tidemark', keepImages: 9 });
    const templates = synthesized.resources('aws_ecr_repository_creation_template');
    expect(templates.map(([, t]) => [t['region'], t['prefix'], t['applied_for'], t['image_tag_mutability']])).toEqual(
      ['eu-central-1', 'us-east-1'].map((region) => [region, 'clearing/tidemark', ['REPLICATION'], 'IMMUTABLE']),
    );
    for (const [, t] of templates) expect(t['lifecycle_policy']).toContain('"countNumber":9');
    expect(synthesized.only('aws_ecr_replication_configuration')['depends_on']).toEqual(templates.map(([id]) => `aws_ecr_repository_creation_template.${id}`));
  });

  test('all mistakes at once', () => {
    const mistakes = (props: Partial<ImageReplicationProps>): readonly string[] => {
      try {
        synth(props);
      } catch (error) {
        if (error instanceof ConstructError) return error.mistakes;
        throw error;
      }
      return [];
    };
    expect(mistakes({ regions: [] })).toEqual([expect.stringMatching(/^regions: none/)]);
    expect(mistakes({ regions: Array.from({ length: 26 }, (_, i) => `eu-west-${i % 9}`) })[0]).toMatch(/26, ECR copies to 25 at most/);
    expect(mistakes({ regions: ['eu-west-1', 'eu-west-1', 'Ireland'], accountId: '1', prefix: 'tidemark/' }).map((m) => m.split(':')[0])).toEqual(
      ['regions[1]', 'regions[2]', 'accountId', 'prefix'],
    );
  });
});
