/** Reads the resources of a Pulumi stack into the tree that the rules judge (constructs/checks/core). */
import type { PolicyProviderResource, PolicyResource } from '@pulumi/policy';
import { createTree, mistakesIn, type Resource, type Suppression, type Tree, type Value } from '../../checks/core/index.ts';
import { SUPPRESS_TAG } from '../suppress.ts';
import { attributesOf } from './attributes.ts';
import { PROVIDER, terraformType } from './types.ts';

/** Of a resource what is read; the engine gives more. */
export type StackResource = Pick<PolicyResource, 'type' | 'props' | 'urn' | 'name'>
  & { readonly opts?: Partial<PolicyResource['opts']>; readonly provider?: PolicyProviderResource; readonly parent?: Pick<PolicyResource, 'type' | 'name' | 'parent'> }
  & { readonly propertyDependencies?: Readonly<Record<string, readonly Pick<PolicyResource, 'urn'>[]>> };

export interface ReadStack {
  readonly tree: Tree;
  /** Of each resource by its path, for reports. */
  readonly urnOf: ReadonlyMap<string, string>;
  /** What is wrong with suppressions that are tags: by URN. */
  readonly mistakes: readonly { readonly urn: string; readonly what: string }[];
}

interface Named {
  readonly resource: StackResource;
  readonly type: string;
  readonly address: string;
  readonly path: string;
}

/** @param suppressions beside those that are tags; their paths are of names, such as `eu-fra-1/eu-fra-1-task` */
export function readResources(stack: string, all: readonly StackResource[], suppressions: readonly Suppression[] = []): ReadStack {
  const named = nameAll(withProviders(all));
  const byUrn = new Map(named.map((one) => [one.resource.urn, one]));
  const byArn = new Map(named.flatMap((one): [string, Named][] => {
    const arn = textOf(one.resource, 'arn');
    return arn === undefined ? [] : [[arn, one]];
  }));
  const mistakes: { urn: string; what: string }[] = [];
  const tagged: Suppression[] = [];
  const resources = named.map((one): Resource => {
    const { resource, type, address, path } = one;
    const attributes = attributesFor(one, byUrn, byArn);
    for (const suppression of tagSuppressions(attributes['tags'], path)) {
      const wrong = mistakesIn(suppression);
      if (wrong.length === 0) tagged.push(suppression);
      for (const what of wrong) mistakes.push({ urn: resource.urn, what: `tag ${SUPPRESS_TAG}${suppression.rule}: ${what}` });
    }
    return { type, address, path, stack, attributes };
  });
  return { tree: createTree(stack, resources, { suppressions: [...suppressions, ...tagged] }), urnOf: new Map(named.map(({ path, resource }) => [path, resource.urn])), mistakes };
}

/** Default providers are no resources of the program, and are told with each that they make. */
function withProviders(all: readonly StackResource[]): StackResource[] {
  const seen = new Map(all.map((resource) => [resource.urn, resource]));
  for (const { provider } of all) if (provider !== undefined && !seen.has(provider.urn)) seen.set(provider.urn, provider);
  return [...seen.values()];
}

function nameAll(all: readonly StackResource[]): Named[] {
  const taken = new Map<string, number>();
  const unique = (wanted: string): string => {
    const count = taken.get(wanted) ?? 0;
    taken.set(wanted, count + 1);
    return count === 0 ? wanted : `${wanted}-${count + 1}`;
  };
  return all.flatMap((resource): Named[] => {
    const type = terraformType(resource.type);
    if (type === undefined) return [];
    // A provider is named by rules as the program's only one, where it is that.
    const address = unique(type === 'provider.aws' ? type : `${type}.${resource.name.replace(/[^\w-]/g, '-').replace(/^(?![A-Za-z_])/, '_')}`);
    return [{ resource, type, address, path: unique([...ancestors(resource), resource.name].join('/')) }];
  });
}

/** Names from the outermost component inwards; the stack itself is above all. */
function ancestors({ parent }: Pick<StackResource, 'parent'>): string[] {
  return parent === undefined || parent.type === 'pulumi:pulumi:Stack' ? [] : [...ancestors(parent as Pick<StackResource, 'parent'>), parent.name];
}

/** What Terraform would read as an expression is text here. */
const literal = (text: string): string => text.replace(/[$%](?=\{)/g, (sign) => sign + sign);

function attributesFor({ resource, type }: Named, byUrn: ReadonlyMap<string, Named>, byArn: ReadonlyMap<string, Named>): Readonly<Record<string, Value>> {
  const dependencies = (property: string): Named[] => (resource.propertyDependencies?.[property] ?? []).flatMap(({ urn }) => byUrn.get(urn) ?? []);
  const provider = resource.provider === undefined ? undefined : byUrn.get(resource.provider.urn);
  const attributes = attributesOf(without(resource.props, resource.opts?.additionalSecretOutputs ?? []), {
    type,
    text: (text, property) => {
      const owner = byArn.get(text);
      if (owner !== undefined && owner.resource !== resource) return `\${${owner.address}.arn}`;
      const named = dependencies(property).find(({ resource: other }) => textOf(other, 'id') === text);
      return named === undefined ? literal(text) : `\${${named.address}.id}`;
    },
    unknown: (property) => dependencies(property).map(({ address }) => `\${${address}.id}`).join('') || '${unknown}',
  });
  return {
    ...attributes,
    ...(resource.type === PROVIDER ? settings(resource.props) : {}),
    // What a resource ends up with, its provider's default tags included.
    ...(attributes['tags_all'] === undefined ? {} : { tags: attributes['tags_all'] }),
    ...(provider === undefined ? {} : { provider: provider.address.replace(/^provider\./, '') }),
    // Pulumi makes the successor first unless it is told otherwise.
    lifecycle: { prevent_destroy: resource.opts?.protect === true, create_before_destroy: resource.opts?.deleteBeforeReplace !== true },
  };
}

/** What Pulumi keeps encrypted stands neither in the configuration nor in the state, and in no report. Values stay unread: one may be unknown. */
const without = (props: Readonly<Record<string, unknown>>, names: readonly string[]): Readonly<Record<string, unknown>> => (names.length === 0 ? props : new Proxy(props, {
  ownKeys: (target) => Reflect.ownKeys(target).filter((key) => !names.includes(String(key))),
}));

function textOf({ props }: Pick<StackResource, 'props'>, key: string): string | undefined {
  try {
    const value: unknown = (props as Record<string, unknown>)[key];
    return typeof value === 'string' && value !== '' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Settings of providers that are not text are written as JSON (Pulumi's provider configuration). */
function settings(props: Readonly<Record<string, unknown>>): Readonly<Record<string, Value>> {
  const parsed = Object.fromEntries(Object.keys(props).flatMap((key): [string, unknown][] => {
    const text = textOf({ props }, key);
    if (text === undefined || !/^[[{"tfn\d-]/.test(text)) return [];
    try {
      return [[key, JSON.parse(text)]];
    } catch {
      return [];
    }
  }));
  return attributesOf(parsed, { type: 'provider.aws', text: literal, unknown: () => '${unknown}' });
}

function tagSuppressions(tags: Value, path: string): Suppression[] {
  if (typeof tags !== 'object' || tags === null) return [];
  return Object.entries(tags).filter(([key]) => key.startsWith(SUPPRESS_TAG)).map(([key, reason]) => ({ rule: key.slice(SUPPRESS_TAG.length), path, reason: reason as string }));
}
