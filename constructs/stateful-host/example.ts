/** One machine with a disk, and one program on it that alone writes to the disk. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { EncryptionKey } from '../encryption-key/index.ts';
import { StatefulHost } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example', description: 'Disks and logs', region: 'eu-west-1', uses: ['logs'] });
    const host = new StatefulHost(this, 'host', {
      name: 'example', vpcId: 'vpc-0123456789abcdef0', subnetId: 'subnet-0123456789abcdef0', zone: 'eu-west-1a', awsRegion: 'eu-west-1',
      instanceType: 't3.small', dataGib: 20, encryptionKeyArn: key.arn,
      containers: ({ dataVolume, logs }) => [{
        name: 'registry', essential: true, memory: 512, user: '10001:10001', readonlyRootFilesystem: true,
        image: 'public.ecr.aws/docker/library/registry@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
        environment: [{ name: 'REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY', value: '/data' }],
        mountPoints: [{ sourceVolume: dataVolume, containerPath: '/data' }],
        logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': logs.logGroupName, 'awslogs-region': logs.region, 'awslogs-stream-prefix': 'registry' } },
      }],
    });
    host.allowFrom('clients', { port: 5000, cidr: '10.20.0.0/16', description: 'Clients' });
  }
}
