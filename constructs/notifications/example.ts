/** Topics for alarms with somebody to reach. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { Notifications } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example-alerts', description: 'Alerts', region: 'eu-west-1', uses: ['alarms'] });
    new Notifications(this, 'alerts', {
      name: 'example', encryptionKeyArn: key.arn, namespace: 'Tidemark/example/test',
      contacts: { page: ['https://incidents.example.com/hook'], ticket: ['team@example.com'] },
    });
  }
}
