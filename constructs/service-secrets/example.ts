/** Two secrets of a region, for a role to read. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { ServiceRole } from '../common/index.ts';
import { EncryptionKey } from '../encryption-key/index.ts';
import { ServiceSecrets } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example', description: 'Secrets', region: 'eu-west-1' });
    const secrets = new ServiceSecrets(this, 'secrets', {
      stack: { platform: 'tidemark', environment: 'test', kind: 'region', id: 'eu' }, settings: ['token', 'tls-key'],
      encryptionKeyArn: key.arn, accountId: '123456789012',
    });
    const reader = new ServiceRole(this, 'reader', { name: 'example-reader', services: ['ecs-tasks.amazonaws.com'] });
    secrets.grantRead(reader, 'token');
  }
}
