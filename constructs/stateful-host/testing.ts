/** A host for tests: everything that is needed, nothing that is not. */
import { type ContainerDefinition } from '../common/index.ts';
import { type StatefulHostProps } from './props.ts';

export const TEST_IMAGE = `123456789012.dkr.ecr.eu-central-1.amazonaws.com/tidemark/edge-node@sha256:${'a'.repeat(64)}`;
export const TEST_KEY = 'arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-3333-4444-555555555555';

export const testContainer = (more: Readonly<Record<string, unknown>> = {}): ContainerDefinition => ({
  name: 'edge-node', image: TEST_IMAGE, essential: true, memory: 512, secrets: [], ...more,
});

export const testHost = (more: Partial<StatefulHostProps> = {}): StatefulHostProps => ({
  name: 'tidemark-production-eu-fra-1', vpcId: 'vpc-1', subnetId: 'subnet-1', zone: 'eu-central-1a', awsRegion: 'eu-central-1',
  instanceType: 't3.small', dataGib: 20, encryptionKeyArn: TEST_KEY,
  containers: ({ dataVolume }) => [testContainer({ mountPoints: [{ sourceVolume: dataVolume, containerPath: '/data' }] })],
  ...more,
});
