/** A bucket for audit data with a copy in another AWS region. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { LogBucket } from '../private-bucket/index.ts';
import { TransparencyBucket } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const there = { region: 'eu-central-1', provider: new AwsProvider(this, 'aws-copy', { region: 'eu-central-1', alias: 'copy' }) };
    const key = new EncryptionKey(this, 'key', { name: 'example-audit', description: 'Audit data', region: 'eu-west-1' });
    const keyThere = new EncryptionKey(this, 'key-copy', { ...there, name: 'example-audit', description: 'Audit data: the copy' });
    const logs = new LogBucket(this, 'logs', { name: 'example-logs-eu-west-1', region: 'eu-west-1', sources: ['s3'] });
    const logsThere = new LogBucket(this, 'logs-copy', { ...there, name: 'example-logs-eu-central-1', sources: ['s3'] });
    new TransparencyBucket(this, 'audit', {
      name: 'example-audit-eu-west-1', region: 'eu-west-1', encryptionKeyArn: key.arn, lockDays: 30, accessLogs: { bucketName: logs.bucketName, prefix: logs.prefix('s3', 'audit') },
      replica: {
        ...there, name: 'example-audit-eu-central-1', encryptionKeyArn: keyThere.arn, accessLogs: { bucketName: logsThere.bucketName, prefix: logsThere.prefix('s3', 'audit') },
      },
    });
  }
}
