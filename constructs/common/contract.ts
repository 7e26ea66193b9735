/**
 * The contract between stacks (facts.ts) in CDKTF: a stack publishes each fact as an SSM parameter in the control plane's AWS
 * region and as a Terraform output; whoever builds on it reads the parameter.
 */
import { DataAwsSsmParameter } from '@cdktf/provider-aws/lib/data-aws-ssm-parameter/index.js';
import { SsmParameter } from '@cdktf/provider-aws/lib/ssm-parameter/index.js';
import { Fn, TerraformOutput, type TerraformProvider } from 'cdktf';
import { Construct } from 'constructs';
import { factsOf, kebab, outputName, parameterName, stackName, type Facts, type StackId, type StackKind } from './facts.ts';
import { ConstructError } from './mistakes.ts';

export interface PublishOptions {
  /** Provider of the control plane's AWS region. @default - the stack's own provider */
  readonly provider?: TerraformProvider;
}

/** Publishes every fact of a stack: parameters and outputs. */
export function publishFacts<K extends StackKind>(scope: Construct, stack: StackId<K>, facts: Facts<K>, options: PublishOptions = {}): void {
  const holder = new Construct(scope, 'facts');
  const spec = factsOf(stack.kind);
  const missing = Object.keys(spec).filter((name) => (facts as Record<string, unknown>)[name] === undefined);
  if (missing.length > 0) throw new ConstructError(holder.node.path, missing.map((name) => `${name}: a ${stack.kind} stack publishes it, and it was not given`));
  for (const [name, { what, kind }] of Object.entries(spec)) {
    const given = (facts as Record<string, string | readonly string[]>)[name] as string | readonly string[];
    const value = kind === 'list' ? (typeof given === 'string' ? given : Fn.join(',', [...given])) : given as string;
    new SsmParameter(holder, kebab(name), {
      name: parameterName(stack, name), type: 'String', value, description: what,
      ...(options.provider === undefined ? {} : { provider: options.provider }),
    });
    const output = new TerraformOutput(holder, `${kebab(name)}-output`, { value, description: what });
    output.overrideLogicalId(outputName(name));
  }
}

/**
 * Reads the facts of another stack; each parameter is looked up once, when it is first asked for. A list is known at plan time
 * only: take one of it with `Fn.element(list, i)`; how many there are follows from the definition.
 */
export function readFacts<K extends StackKind>(scope: Construct, stack: StackId<K>, options: PublishOptions = {}): Facts<K> {
  const holder = new Construct(scope, `facts-of-${stackName(stack)}`);
  const spec = factsOf(stack.kind);
  const facts = {};
  for (const [name, { kind }] of Object.entries(spec)) {
    let known: string | string[] | undefined;
    Object.defineProperty(facts, name, {
      enumerable: true,
      get: () => {
        if (known !== undefined) return known;
        const parameter = new DataAwsSsmParameter(holder, kebab(name), {
          name: parameterName(stack, name), ...(options.provider === undefined ? {} : { provider: options.provider }),
        });
        known = kind === 'list' ? Fn.split(',', parameter.insecureValue) : parameter.insecureValue;
        return known;
      },
    });
  }
  return facts as Facts<K>;
}
