/**
 * The facts that stacks publish (constructs/common/facts.ts) as outputs of a Pulumi program: from the SSM parameters, from a
 * Terraform state, or from another Pulumi stack. All three have the same type, so a program can change from one to another.
 */
import { Parameter } from '@pulumi/aws/ssm/parameter.js';
import { getParameterOutput } from '@pulumi/aws/ssm/getParameter.js';
import * as pulumi from '@pulumi/pulumi';
import { factsOf, kebab, parameterName, stackName, type Facts, type FactSpec, type StackId, type StackKind } from '../common/facts.ts';
import { checkAll, ConstructError } from './mistakes.ts';
import { stateFacts, type StateSource } from './state.ts';
import { valueFrom } from './value.ts';

/** The facts of a kind of stack, each of which the deployment knows later. */
export type FactOutputs<K extends StackKind> = { readonly [F in keyof Facts<K>]: pulumi.Output<Facts<K>[F]> };

export interface SsmOptions {
  /** AWS provider of the control plane's AWS region, which is where the parameters are. @default - the program's default provider */
  readonly provider?: pulumi.ProviderResource;
  /** AWS region of the parameters, where it is not the provider's. @default - the provider's */
  readonly region?: string;
}

/** From the SSM parameters: each is looked up once, when it is first asked for. */
export function factsFromSsm<K extends StackKind>(stack: StackId<K>, options: SsmOptions = {}): FactOutputs<K> {
  const { provider, region } = options;
  return lazily(stack.kind, (fact, spec) => getParameterOutput(
    { name: parameterName(stack, fact), ...(region === undefined ? {} : { region }) }, provider === undefined ? {} : { provider },
    // Not secret, and so not marked as such: the contract has no secrets.
  ).insecureValue.apply((text) => valueFrom(text, spec, `${parameterName(stack, fact)}: `)));
}

/**
 * From the outputs of a Terraform state: a file, or an object in S3. Sensitive outputs become secrets.
 * Fails with all that is wrong with it: no such file, not a state, another version of the format, outputs that are missing.
 */
export function factsFromTerraformState<K extends StackKind>(kind: K, source: StateSource): FactOutputs<K> {
  const state = stateFacts(kind, source);
  return lazily(kind, (fact) => state.apply((facts): pulumi.Output<string | readonly string[]> => {
    const { value, isSensitive } = facts[fact]!;
    return isSensitive ? pulumi.secret(value) as pulumi.Output<string | readonly string[]> : pulumi.output(value) as pulumi.Output<string | readonly string[]>;
  }));
}

/**
 * From a Pulumi stack that exports the facts under their names, as `export const { url, clusterArn } = site.facts` does.
 * Fails with all that it does not export. What is secret there is secret here.
 */
export function factsFromStackReference<K extends StackKind>(kind: K, reference: pulumi.StackReference): FactOutputs<K> {
  const where = `stack reference for ${kind}`;
  // Names are no secrets, even where one of the values is.
  const present = pulumi.unsecret(reference.outputs.apply((outputs) => Object.keys(outputs)));
  const complete = present.apply((names) => {
    const missing = Object.keys(factsOf(kind)).filter((fact) => !names.includes(fact));
    checkAll(where, (m) => missing.forEach((fact) => m.add(`${fact}: the stack does not export it; a ${kind} stack exports ${Object.keys(factsOf(kind)).join(', ')}`)));
    return true;
  });
  return lazily(kind, (fact, spec) => pulumi.all([complete, reference.getOutput(fact)]).apply(([, value]) => valueFrom(value as unknown, spec, `${where}: ${fact}: `)));
}

function lazily<K extends StackKind>(kind: K, read: (fact: string, spec: FactSpec) => pulumi.Output<string | readonly string[]>): FactOutputs<K> {
  const facts = {};
  for (const [fact, spec] of Object.entries(factsOf(kind))) {
    let known: pulumi.Output<string | readonly string[]> | undefined;
    Object.defineProperty(facts, fact, { enumerable: true, get: () => (known ??= read(fact, spec)) });
  }
  return facts as FactOutputs<K>;
}

/** Publishes every fact of a stack as the SSM parameters that other stacks, CDKTF's too, read. */
export class PublishedFacts extends pulumi.ComponentResource {
  readonly parameters: Readonly<Record<string, Parameter>>;

  constructor(name: string, stack: StackId, facts: Readonly<Record<string, pulumi.Input<string | readonly string[]>>>, options: pulumi.ComponentResourceOptions = {}) {
    const spec = factsOf(stack.kind);
    const missing = Object.keys(spec).filter((fact) => facts[fact] === undefined);
    if (missing.length > 0) throw new ConstructError(name, missing.map((fact) => `${fact}: a ${stack.kind} stack publishes it, and it was not given`));
    super('tidemark:kit:PublishedFacts', name, {}, options);
    this.parameters = Object.fromEntries(Object.entries(spec).map(([fact, { what }]) => [fact, new Parameter(`${name}-${kebab(fact)}`, {
      name: parameterName(stack, fact), type: 'String', description: what,
      value: pulumi.output(facts[fact]).apply((value) => (typeof value === 'string' ? value : [...value!].join(','))),
    }, { parent: this })]));
    this.registerOutputs({ stack: stackName(stack) });
  }
}
