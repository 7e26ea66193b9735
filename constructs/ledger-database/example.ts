/** A database for a ledger in subnets that exist. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { LedgerDatabase } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example-ledger', description: 'The ledger', region: 'eu-west-1', uses: ['logs'] });
    const ledger = new LedgerDatabase(this, 'ledger', {
      name: 'example-ledger', region: 'eu-west-1', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
      encryptionKeyArn: key.arn, maxCapacity: 4,
    });
    ledger.allowFrom('Control plane', { securityGroupId: 'sg-0123456789abcdef0' });
  }
}
