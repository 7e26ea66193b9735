/** A key that signs checkpoints. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { SigningKey } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    new SigningKey(this, 'key', { name: 'example-checkpoints', description: 'Signs checkpoints of the example' });
  }
}
