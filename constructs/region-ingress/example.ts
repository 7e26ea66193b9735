/** A way to one replica, for edge nodes in other networks of the same account. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { LogBucket } from '../private-bucket/index.ts';
import { RegionIngress } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const logs = new LogBucket(this, 'logs', { name: 'example-logs-123456789012', region: 'eu-west-1', sources: ['alb'] });
    new RegionIngress(this, 'ingress', {
      name: 'example', awsRegion: 'eu-west-1', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      replicas: [{ host: 'r0.eu.clearing.example.com', targetId: 'i-0123456789abcdef0', securityGroupId: 'sg-0123456789abcdef0' }],
      port: 8080, healthPath: '/healthz', hostedZoneId: 'Z0123456789ABCDEFGHIJ',
      authorities: '-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n', bucketName: 'example-ca-123456789012',
      logs: { bucketName: logs.bucketName, prefix: logs.prefix('alb') }, principals: ['arn:aws:iam::123456789012:root'],
    });
  }
}
