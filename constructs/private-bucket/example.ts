/** A bucket that is closed, and one for its access logs. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { LogBucket, PrivateBucket } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example-exports', description: 'Exports of the example', region: 'eu-west-1' });
    const logs = new LogBucket(this, 'logs', { name: 'example-logs-123456789012', region: 'eu-west-1', sources: ['s3', 'alb'] });
    new PrivateBucket(this, 'exports', {
      name: 'example-exports-123456789012', encryptionKeyArn: key.arn, accessLogs: { bucketName: logs.bucketName, prefix: logs.prefix('s3', 'exports') },
    });
  }
}
