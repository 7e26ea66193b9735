/** A control plane on a machine with a disk, in a network that exists. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { LogBucket } from '../private-bucket/index.ts';
import { ControlPlane } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example-control', description: 'Disk and logs', region: 'eu-west-1', uses: ['logs'] });
    const logs = new LogBucket(this, 'logs', { name: 'example-logs-123456789012', region: 'eu-west-1', sources: ['alb'] });
    const secret = (what: string) => ({ secretArn: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:example/${what}-AbCdEf` });
    new ControlPlane(this, 'control', {
      name: 'example-control', region: 'eu-west-1', vpcId: 'vpc-0123456789abcdef0', encryptionKeyArn: key.arn,
      compute: { kind: 'host', subnetId: 'subnet-0123456789abcdef0', zone: 'eu-west-1a' },
      hostName: 'control.clearing.example.com', hostedZoneId: 'Z0123456789ABCDEFGHIJ',
      balancerSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'], clientCidrs: ['10.64.0.0/18'],
      accessLogs: { bucketName: logs.bucketName, prefix: logs.prefix('alb') },
      image: 'registry.example.com/tidemark/control-plane@sha256:1f0d1a1a7e3a5b9a0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f40516273',
      settings: {
        site: 'global', trust: secret('trust'), key: secret('key'), token: secret('token'), certificate: secret('tls-cert'), certificateKey: secret('tls-key'),
      },
    });
  }
}
