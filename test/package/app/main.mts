/** A CDKTF app of somebody who installed the kit: a network and an SLA's alarms, judged by the rule pack. Argument: the output folder. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { App, S3Backend, TerraformOutput, TerraformStack } from 'cdktf';
import { addChecks } from 'tidemark/constructs/checks';
import { EncryptionKey } from 'tidemark/constructs/encryption-key';
import { Network } from 'tidemark/constructs/network';
import { checkPlatform, type Sla } from 'tidemark/platform';

const [outdir] = process.argv.slice(2);
if (outdir === undefined) throw new Error('usage: main.mts OUTDIR');

const app = new App({ outdir });
const stack = new TerraformStack(app, 'mine');
new AwsProvider(stack, 'aws', {
  region: 'eu-west-1', allowedAccountIds: ['111122223333'],
  defaultTags: [{ tags: { owner: 'ledger' } }],
});
const backend = new S3Backend(stack, { bucket: 'mine-state', key: 'mine.tfstate', region: 'eu-west-1', encrypt: true });
backend.addOverride('use_lockfile', true);
const key = new EncryptionKey(stack, 'key', { name: 'mine', description: 'Flow logs', region: 'eu-west-1', uses: ['logs'] });
const network: Network = new Network(stack, 'network', {
  name: 'mine', region: 'eu-west-1', cidr: '10.64.0.0/18', flowLogs: { encryptionKeyArn: key.arn },
  subnets: { private: [{ zone: 'eu-west-1a', cidr: '10.64.0.0/20' }, { zone: 'eu-west-1b', cidr: '10.64.16.0/20' }] },
});
new TerraformOutput(stack, 'vpc', { value: network.vpcId });

// What TypeScript knows of the kit is what it is: a wrong property is an error, and not `any`.
// @ts-expect-error -- there is no such property
const wrong: Sla = { nonsense: true };
if (checkPlatform({ slas: [wrong] }).length === 0) throw new Error('a config that is none was accepted');

addChecks(app);
app.synth();
