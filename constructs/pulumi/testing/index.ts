/**
 * Runs a Pulumi program without an engine and without AWS, for tests: records what it registers, answers with made-up outputs.
 * The same program gives the same ids on every run.
 */
import * as pulumi from '@pulumi/pulumi';
import { setMocks } from '@pulumi/pulumi/runtime/mocks.js';
import { disconnect } from '@pulumi/pulumi/runtime/settings.js';
import { awsState } from './aws.ts';
import { revealed } from './secrets.ts';

/** One resource as the program asked for it. */
export interface RecordedResource {
  /** `aws:s3/bucket:Bucket`, or a component's own. */
  readonly type: string;
  readonly name: string;
  /** Inputs in plain; {@link secretInputs} says which of them are secret. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Paths of inputs that Pulumi keeps encrypted: `secretString`, `environment.token`. */
  readonly secretInputs: readonly string[];
  readonly id: string;
  /** Outputs that were answered. */
  readonly state: Readonly<Record<string, unknown>>;
  readonly isComponent: boolean;
  /** `urn:pulumi:stack::project::type::name` of the provider, with its id. @default - the default provider */
  readonly provider?: string;
}

export interface RecordedCall {
  /** `aws:ssm/getParameter:getParameter` */
  readonly token: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface MockOptions {
  /** @default 'project' */
  readonly project?: string;
  /** @default 'stack' */
  readonly stack?: string;
  /** Whether it is a preview, in which outputs are unknown. @default false */
  readonly preview?: boolean;
  /** Configuration by full key: `project:platform`. @default - none */
  readonly config?: Readonly<Record<string, string>>;
  /** Keys of `config` that are secret. @default - none */
  readonly secretConfig?: readonly string[];
  /** Outputs of a resource beside its inputs. @default - an ARN and what else AWS gives every resource; see aws.ts */
  readonly outputs?: (resource: Pick<RecordedResource, 'type' | 'name' | 'inputs'>) => Readonly<Record<string, unknown>> | undefined;
  /** What functions answer, by token. A function that the program calls and that is not here fails. @default - none */
  readonly calls?: Readonly<Record<string, (inputs: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>>>;
}

export interface MockRun<T> {
  /** What the program returned. */
  readonly result: T;
  /** In the order of names, so that a snapshot of it holds. */
  readonly resources: readonly RecordedResource[];
  readonly calls: readonly RecordedCall[];
  readonly ofType: (type: string) => readonly RecordedResource[];
  /** The one resource of a type. Throws when there is none or another one. */
  readonly only: (type: string) => RecordedResource;
}

/**
 * Runs the program and waits until all that it registered is recorded.
 * @throws what the program throws, and when a value of a resource cannot be made or a function is called that `calls` lacks
 */
export async function withMocks<T>(program: () => T | Promise<T>, options: MockOptions = {}): Promise<MockRun<T>> {
  const resources: RecordedResource[] = [];
  const calls: RecordedCall[] = [];
  const { project = 'project', stack = 'stack' } = options;
  pulumi.runtime.setAllConfig({ ...options.config }, [...(options.secretConfig ?? [])]);
  await setMocks({
    newResource: (args) => {
      const { value, paths } = revealed(args.inputs);
      const asked = { type: args.type, name: args.name, inputs: value as Readonly<Record<string, unknown>> };
      const id = args.id === undefined || args.id === '' ? `${args.name}-id` : args.id;
      const made = { ...awsState(asked), ...options.outputs?.(asked) };
      resources.push({
        ...asked, secretInputs: paths, id, state: { ...asked.inputs, ...made }, isComponent: args.custom !== true,
        ...(args.provider === undefined || args.provider === '' ? {} : { provider: args.provider }),
      });
      // What went in as a secret comes out as one.
      return { id, state: { ...args.inputs as object, ...made } };
    },
    call: ({ token, inputs }) => {
      calls.push({ token, inputs: inputs as RecordedCall['inputs'] });
      const answer = options.calls?.[token];
      if (answer === undefined) {
        const message = `${token}: called with ${JSON.stringify(inputs)}; say in \`calls\` what it answers`;
        // As gRPC has it: all that Pulumi reads of an error.
        throw Object.assign(new Error(message), { details: message });
      }
      return { ...answer(inputs as RecordedCall['inputs']) };
    },
  }, project, stack, options.preview ?? false);

  const failures: unknown[] = [];
  const failed = (reason: unknown): void => void failures.push(reason);
  // A value that cannot be made fails where nobody waits for it. Listeners of others would take it for a mistake of theirs.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', failed);
  try {
    const result = await program();
    await disconnect();
    // Rejections are told of after the queue of promises is empty.
    await new Promise((resolve) => setImmediate(resolve));
    if (failures.length > 0) throw failures[0];
    const sorted = resources.sort((a, b) => compare(a.type, b.type) || compare(a.name, b.name));
    const ofType = (type: string): RecordedResource[] => sorted.filter((resource) => resource.type === type);
    return {
      result, resources: sorted, calls, ofType,
      only: (type) => {
        const [first, ...more] = ofType(type);
        if (first === undefined || more.length > 0) throw new Error(`expected one ${type}, found ${more.length + (first === undefined ? 0 : 1)}`);
        return first;
      },
    };
  } finally {
    process.off('unhandledRejection', failed);
    for (const listener of others) process.on('unhandledRejection', listener);
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** The value of an output. Undefined while it is unknown, in a preview. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> => new Promise((resolve, reject) => {
  // `apply` is never called for what is unknown.
  const inner = output as unknown as { promise: () => Promise<T> };
  inner.promise().then(resolve, reject);
});

export const isSecret = (output: pulumi.Output<unknown>): Promise<boolean> => pulumi.isSecret(output);
