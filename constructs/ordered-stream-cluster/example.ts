/** Three servers in three zones of a network that exists. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { OrderedStreamCluster } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example', description: 'Disks and logs', region: 'eu-west-1', uses: ['logs'] });
    new OrderedStreamCluster(this, 'stream', {
      name: 'example', awsRegion: 'eu-west-1', vpcId: 'vpc-0123456789abcdef0', encryptionKeyArn: key.arn, size: 'small',
      places: ['a', 'b', 'c'].map((zone) => ({ subnetId: `subnet-0123456789abcde${zone}`, zone: `eu-west-1${zone}` })),
      privateZone: { id: 'Z0123456789ABCDEFGHIJ', name: 'eu.clearing.example.com' },
      image: `public.ecr.aws/docker/library/nats@sha256:${'0'.repeat(64)}`,
      tokenSecretArn: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:stream-token-AbCdEf',
    });
  }
}
