/** A network over two zones, without a way to the internet. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { Network } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example', description: 'Flow logs', region: 'eu-west-1', uses: ['logs'] });
    new Network(this, 'network', {
      name: 'example', region: 'eu-west-1', cidr: '10.64.0.0/18', flowLogs: { encryptionKeyArn: key.arn },
      subnets: { private: [{ zone: 'eu-west-1a', cidr: '10.64.0.0/20' }, { zone: 'eu-west-1b', cidr: '10.64.16.0/20' }] },
    });
  }
}
