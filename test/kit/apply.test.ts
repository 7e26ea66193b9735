/**
 * What somebody does with a pilot on AWS, done with an emulator: apply, be told that secrets have no values, give them theirs, apply again, see
 * that nothing is left to do, for the control plane, a region and an edge site in turn; and take all of it down again.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeys } from '../../cli/keys/create.ts';
import { FILES, pathOf, secretFiles } from '../../cli/keys/layout.ts';
import type { DeployedPlatform } from '../../platform/index.ts';
import { deployment, synthesize, type StackJson } from './deployments.ts';
import { findPython, missingOperations, startEmulator, type Emulator } from './emulator.ts';
import { describeUnless } from './missing.ts';
import { describeMisread, emulated, forgiving, MISREAD, misreadIn, NOT_EMULATED, type Misread, type NotEmulated, type Plan } from './not-emulated.ts';
import type { Outcome } from './process.ts';
import { temporaryFolder } from './scratch.ts';
import { findTerraform, initialise, readable, terraformIn, type Terraform } from './terraform.ts';

const found = await findTerraform();
const python = 'missing' in found ? { missing: found.missing } : await findPython();
const missing = 'missing' in found ? found.missing : 'missing' in python ? python.missing : undefined;

/** In the order of their deployment. */
const STACKS = ['global', 'region-eu', 'edge-eu-fra-1'] as const;
const TIMEOUT_MS = 900_000;
const OVERRIDE = 'override.tf.json';
/** A pilot has no digests pinned yet; any will do, as nothing is pulled. */
const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

describeUnless(missing)('Terraform against an emulator of AWS', () => {
  const terraform = found as Terraform;
  const folders = new Map<string, string>();
  const left = new Set<NotEmulated>();
  const misread = new Set<Misread>();
  let emulator: Emulator;
  let platform: DeployedPlatform;
  let stacks: ReadonlyMap<string, StackJson>;
  let keys: string;

  const tf = (stack: string, ...args: string[]): Promise<Outcome> => terraformIn(terraform, folders.get(stack)!, [...args, '-no-color'], emulator.env);

  beforeAll(async () => {
    const pilot = deployment('pilot');
    emulator = await startEmulator((python as { python: string }).python, pilot.platform.deploy.accountId);
    // The one thing that is there before everything else.
    platform = { ...pilot.platform, deploy: { ...pilot.platform.deploy, hostedZoneId: await createZone(emulator, pilot.platform) } };
    stacks = synthesize({ ...pilot, platform });
    keys = temporaryFolder('keys');
    await createKeys(platform, keys);
  }, TIMEOUT_MS);
  afterAll(() => emulator?.close());

  for (const name of STACKS) {
    test(`${name}: the first apply makes the secrets and says what they wait for`, async () => {
      const { stack, left: entries } = emulated(readable(terraform, stacks.get(name)!));
      for (const entry of entries) left.add(entry);
      folders.set(name, await initialise(terraform, stack, {
        [OVERRIDE]: { ...override(stack), resource: forgiving(stack) }, 'terraform.tfvars.json': variables(stack, readFileSync(join(keys, FILES.authority), 'utf8')),
      }));
      const { code, stderr } = await tf(name, 'apply', '-auto-approve');
      expect(code, stderr).toBe(1);
      expect(errorsOf(stderr).filter((error) => !error.startsWith('Resource postcondition failed'))).toEqual([]);
      for (const { name: secret } of secretFiles(platform).filter((file) => stackOf(file) === name)) expect(stderr.replaceAll(/\s+/g, ' ')).toContain(`The secret ${secret} has no value yet`);
    }, TIMEOUT_MS);

    test(`${name}: the second one makes the rest, and then nothing is left to do`, async () => {
      await fillSecrets(emulator, platform, keys, name);
      const { code, stderr } = await tf(name, 'apply', '-auto-approve');
      expect(code, stderr).toBe(0);
      const plan = await tf(name, 'plan', '-detailed-exitcode');
      expect(plan.code, plan.stdout + plan.stderr).toBe(0);

      // And what it would have said without forgiving the emulator.
      const { stack } = emulated(readable(terraform, stacks.get(name)!));
      writeFileSync(join(folders.get(name)!, OVERRIDE), JSON.stringify(override(stack)));
      await tf(name, 'plan', '-out=strict');
      const { stdout } = await tf(name, 'show', '-json', 'strict');
      for (const entry of misreadIn(JSON.parse(stdout) as Plan)) misread.add(entry);
      writeFileSync(join(folders.get(name)!, OVERRIDE), JSON.stringify({ ...override(stack), resource: forgiving(stack) }));
    }, TIMEOUT_MS);
  }

  test('nothing is left out or forgiven without need', async () => {
    const operations = [...new Set(NOT_EMULATED.flatMap(({ operation }) => operation ?? []))];
    expect(await missingOperations((python as { python: string }).python, [...operations, 'ec2.create_vpc'])).toEqual(operations);
    expect(NOT_EMULATED.filter((entry) => !left.has(entry)), 'no stack has it: remove the entry').toEqual([]);
    expect(MISREAD.filter((entry) => !misread.has(entry)), 'the emulator gets it right: remove the entry').toEqual([]);
    process.stderr.write(`not emulated, so left out:\n${NOT_EMULATED.map(({ resource, attribute, why }) => `  ${resource}${attribute === undefined ? '' : `.${attribute}`}: ${why}\n`).join('')}`);
    process.stderr.write(`read back wrong by the emulator:\n${MISREAD.map((entry) => `  ${describeMisread(entry)}\n`).join('')}`);
  }, TIMEOUT_MS);

  for (const name of [...STACKS].reverse()) {
    test(`${name}: can be destroyed`, async () => {
      const { code, stderr } = await tf(name, 'destroy', '-auto-approve');
      expect(code, stderr).toBe(0);
      const state = JSON.parse(readFileSync(join(folders.get(name)!, 'terraform.tfstate'), 'utf8')) as { resources: unknown[] };
      expect(state.resources).toEqual([]);
    }, TIMEOUT_MS);
  }
});

/** Beside the stack: where its state goes, and providers that don't try for minutes what the emulator will never do. */
function override(stack: StackJson): Record<string, unknown> {
  return {
    terraform: { backend: { local: { path: 'terraform.tfstate' } } },
    provider: { aws: stack.provider['aws']!.map(({ alias }) => ({ ...(alias === undefined ? {} : { alias }), max_retries: 3 })) },
  };
}

function variables(stack: StackJson, authorities: string): Record<string, string> {
  return Object.fromEntries(Object.keys(stack.variable ?? {}).map((name) => [name, name.endsWith('_digest') ? DIGEST : authorities]));
}

const errorsOf = (stderr: string): string[] => stderr.split(/^Error: /m).slice(1).map((text) => text.trim());

const stackOf = ({ stack }: { readonly stack: { readonly kind: string; readonly id?: string } }): string =>
  (stack.id === undefined ? stack.kind : `${stack.kind}-${stack.id}`);

async function createZone(emulator: Emulator, { deploy }: DeployedPlatform): Promise<string> {
  const answer = await emulator.call({
    service: 'route53', region: 'us-east-1', path: '/2013-04-01/hostedzone',
    body: `<CreateHostedZoneRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Name>${deploy.domain}</Name><CallerReference>${randomUUID()}</CallerReference></CreateHostedZoneRequest>`,
  });
  const [, id] = /<Id>\/hostedzone\/(\w+)<\/Id>/.exec(answer) ?? [];
  if (id === undefined) throw new Error(`no id of a zone in ${answer}`);
  return id;
}

/** What the commands do that `tidemark keys push` prints. */
async function fillSecrets(emulator: Emulator, platform: DeployedPlatform, keys: string, stack: string): Promise<void> {
  for (const file of secretFiles(platform).filter((one) => stackOf(one) === stack)) {
    const path = pathOf(keys, file.file);
    if (!existsSync(path)) throw new Error(`${path}: not made by tidemark keys create`);
    await emulator.call({
      service: 'secretsmanager', region: file.awsRegion, target: 'secretsmanager.PutSecretValue',
      body: JSON.stringify({ SecretId: file.name, SecretString: readFileSync(path, 'utf8'), ClientRequestToken: randomUUID() }),
    });
  }
}
