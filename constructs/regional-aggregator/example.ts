/** One replica with its order on its own disk: the smallest region. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { RegionalAggregator } from './index.ts';

const secret = (name: string): string => `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-AbCdEf`;

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example', description: 'Disks and logs', region: 'eu-west-1', uses: ['logs'] });
    new RegionalAggregator(this, 'aggregator', {
      name: 'example', site: 'eu', awsRegion: 'eu-west-1', vpcId: 'vpc-0123456789abcdef0', encryptionKeyArn: key.arn, size: 'small',
      places: [{ subnetId: 'subnet-0123456789abcdef0', zone: 'eu-west-1a' }],
      privateZone: { id: 'Z0123456789ABCDEFGHIJ', name: 'eu.clearing.example.com' },
      image: `123456789012.dkr.ecr.eu-west-1.amazonaws.com/tidemark/regional-aggregator@sha256:${'0'.repeat(64)}`,
      secrets: {
        trust: secret('trust'), keys: [secret('key-0')], regionKey: secret('region-key'),
        certificate: secret('tls-cert'), certificateKey: secret('tls-key'),
      },
      authorities: '-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n',
      controlUrl: 'https://control.clearing.example.com', stream: 'embedded',
    });
  }
}
