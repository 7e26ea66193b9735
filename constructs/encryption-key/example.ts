/** A key for data and for its logs. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    new EncryptionKey(this, 'key', { name: 'example-data', description: 'Data of the example', region: 'eu-west-1', uses: ['logs'] });
  }
}
