/** Where metrics go, and a collector for a program that has them at 127.0.0.1:8080/metrics. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformOutput, TerraformStack } from 'cdktf';
import { type Construct } from 'constructs';
import { ServiceRole } from '../common/index.ts';
import { EncryptionKey } from '../encryption-key/index.ts';
import { TelemetryPipeline } from './index.ts';

export class Example extends TerraformStack {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    new AwsProvider(this, 'aws', { region: 'eu-west-1' });
    const key = new EncryptionKey(this, 'key', { name: 'example', description: 'Metrics', region: 'eu-west-1', uses: ['logs'] });
    const telemetry = new TelemetryPipeline(this, 'telemetry', { name: 'example', namespace: 'Example/production', awsRegion: 'eu-west-1', encryptionKeyArn: key.arn });
    const task = new ServiceRole(this, 'task', { name: 'example-task', services: ['ecs-tasks.amazonaws.com'] });
    telemetry.grantWrite(task);
    // One of the containers of the task, beside the program's own.
    const collector = telemetry.container(this, {
      service: { id: 'edge-node', port: 8080, metricsPath: '/metrics' }, site: 'eu-fra-1', logs: { logGroupName: '/example', region: 'eu-west-1' },
      image: 'public.ecr.aws/aws-observability/aws-otel-collector@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
    });
    new TerraformOutput(this, 'collector', { value: collector });
  }
}
