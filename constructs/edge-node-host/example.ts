/** An edge node in a subnet that exists, and its way to a region that exists. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { EdgeNodeHost, RegionLink } from './index.ts';

const secret = (name: string): string => `arn:aws:secretsmanager:eu-central-1:123456789012:secret:/tidemark/production/edge-eu-fra-1/${name}-AbCdEf`;

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-central-1' });
    const name = 'tidemark-production-eu-fra-1';
    const key = new EncryptionKey(this, 'key', { name, description: 'Disks, logs and secrets', region: 'eu-central-1', uses: ['logs'] });
    const node = new EdgeNodeHost(this, 'node', {
      name, site: 'eu-fra-1', awsRegion: 'eu-central-1', encryptionKeyArn: key.arn,
      place: { kind: 'region', vpcId: 'vpc-0123456789abcdef0', subnetId: 'subnet-0123456789abcdef0', zone: 'eu-central-1a' },
      regionUrls: ['https://r0.eu.clearing.example.com'],
      policy: '{"maxStalenessMs":3600000,"offlineAfterMs":5000,"offlinePerAccount":{"EUR":"100000"},"offlinePerNode":{"EUR":"5000000"},"version":1}',
      secrets: { trust: secret('trust'), key: secret('key'), certificate: { chain: secret('tls-cert'), key: secret('tls-key') } },
      image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/tidemark/edge-node@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
      clientCidrs: ['10.20.0.0/16'],
    });
    const link = new RegionLink(this, 'link', {
      name, vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0fedcba9876543210'], serviceName: 'com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0',
      domain: 'eu.clearing.example.com', hosts: ['r0.eu.clearing.example.com'],
    });
    link.allow('Edge node', node.host!);
  }
}
