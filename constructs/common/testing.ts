/** Synthesizes a stack in memory for tests, prepared the way an app does it: cross-stack references are made first. */
import { AwsProvider } from '@cdktf/provider-aws/lib/provider/index.js';
import { TerraformStack, Testing } from 'cdktf';

type Block = Record<string, unknown>;

export interface Synthesized {
  /** The whole `cdk.tf.json` without metadata. */
  readonly json: Block;
  /** All resources of a type, as `[logical id, attributes]`. */
  readonly resources: (type: string) => [string, Block][];
  /** The one resource of a type. Throws when there is none or another one. */
  readonly only: (type: string) => Block;
  readonly data: (type: string) => [string, Block][];
}

/** A stack named `test` with an AWS provider in eu-west-1, filled by `build`. */
export function synthStack(build: (stack: TerraformStack) => void, options: { readonly region?: string } = {}): Synthesized {
  const stack = new TerraformStack(Testing.app(), 'test');
  new AwsProvider(stack, 'aws', { region: options.region ?? 'eu-west-1' });
  build(stack);
  return synthesized(stack);
}

export function synthesized(stack: TerraformStack): Synthesized {
  stack.prepareStack();
  const json = JSON.parse(Testing.synth(stack, true)) as Block;
  // Where state would be if nobody said where: a path of this machine.
  delete (json['terraform'] as Block | undefined)?.['backend'];
  const entries = (section: string, type: string): [string, Block][] =>
    Object.entries(((json[section] as Block | undefined)?.[type] as Record<string, Block> | undefined) ?? {});
  const resources = (type: string): [string, Block][] => entries('resource', type);
  return {
    json, resources,
    data: (type) => entries('data', type),
    only: (type) => {
      const [first, ...more] = resources(type);
      if (first === undefined || more.length > 0) throw new Error(`expected one ${type}, found ${more.length + (first === undefined ? 0 : 1)}`);
      return first[1];
    },
  };
}
