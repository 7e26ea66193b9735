/** `terraform validate` of every stack of every definition, with the real provider. */
import { beforeAll, expect, test } from 'vitest';
import { DEPLOYMENTS, synthesize, type StackJson } from './deployments.ts';
import { describeUnless } from './missing.ts';
import { describeUnknown, UNKNOWN_TO_OLDER, without, type Unknown } from './older-provider.ts';
import { inParallel } from './process.ts';
import { describeDiagnostic, findTerraform, readable, validate, type Diagnostic, type Terraform } from './terraform.ts';

const found = await findTerraform();
/** Reading the provider's schema takes one core for seconds. */
const AT_A_TIME = 2;
const TIMEOUT_MS = 900_000;

describeUnless('missing' in found ? found.missing : undefined)('terraform validate', () => {
  const terraform = found as Terraform;
  const stacks = DEPLOYMENTS.flatMap((deployment) => [...synthesize(deployment)].map(([name, stack]) => ({ name: `${deployment.name}: ${name}`, stack })));

  beforeAll(() => {
    if (!terraform.isOlder) return;
    process.stderr.write(`AWS provider ${terraform.providerVersion}, older than the stacks ask for; not checked:\n${
      UNKNOWN_TO_OLDER.map((entry) => `  ${describeUnknown(entry)}\n`).join('')}`);
  });

  test('every stack of every definition is valid', async () => {
    expect(stacks.length).toBeGreaterThan(3);
    const said = await inParallel(AT_A_TIME, stacks, async ({ name, stack }) => {
      const diagnostics = await validate(terraform, readable(terraform, stack));
      return diagnostics.map((one) => `${name}: ${describeDiagnostic(one)}`);
    });
    expect(said.flat()).toEqual([]);
  }, TIMEOUT_MS);

  test('and it is seen when one is not', async () => {
    const stack = structuredClone(stacks[0]!.stack);
    const [type, blocks] = Object.entries(stack.resource)[0]!;
    Object.assign(Object.values(blocks)[0]!, { nothing_of_the_kind: 'x' });
    const diagnostics = await validate(terraform, readable(terraform, stack));
    expect(diagnostics.map(describeDiagnostic).join('\n'), type).toContain('nothing_of_the_kind');
  }, TIMEOUT_MS);

  test.skipIf(!terraform.isOlder).each(UNKNOWN_TO_OLDER.map((entry) => [describeUnknown(entry), entry] as const))(
    'still unknown to the older provider: %s', async (_title, entry) => {
      const others = UNKNOWN_TO_OLDER.filter((one) => one !== entry);
      const user = stacks.find(({ stack }) => uses(stack, entry));
      expect(user?.name, 'no stack uses it: remove the entry').toBeDefined();
      const diagnostics = await validate(terraform, readable(terraform, user!.stack, others));
      expect(diagnostics.length, 'the provider knows it: remove the entry').toBeGreaterThan(0);
      expect(diagnostics.filter((one) => !isAbout(one, entry)).map(describeDiagnostic)).toEqual([]);
    }, TIMEOUT_MS,
  );

});

const uses = (stack: StackJson, entry: Unknown): boolean => without(stack, [entry]).used.has(entry);
const isAbout = (diagnostic: Diagnostic, { attribute, value }: Unknown): boolean => describeDiagnostic(diagnostic).includes(value?.from ?? `"${attribute}"`);
