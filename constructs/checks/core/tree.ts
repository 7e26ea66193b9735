/**
 * Reads one stack in Terraform's JSON configuration syntax (`cdk.tf.json`) into resources with an index. Lists and single
 * blocks, `dynamic` blocks and the metadata that CDKTF writes beside each resource are all understood.
 */
import { known, VALUES_MAX, type Scope } from './expression.ts';
import { groupBy } from './group.ts';
import { ChecksError, type Block, type Resource, type Suppression, type Tree, type Value, type Variable } from './model.ts';
import { createLinks } from './references.ts';
import { suppressionsOf } from './suppressions.ts';
import { isBlock } from './values.ts';

/** Nesting that nobody writes; deeper input is refused, before it exhausts the stack. */
const NESTING_MAX = 200;

/**
 * @param stack name of the stack, the first segment of the paths of what has no construct
 * @throws ChecksError when it is no Terraform configuration
 */
export function readStack(stack: string, json: unknown): Tree {
  if (!isBlock(json)) throw new ChecksError([`${stack}: is not a Terraform configuration: expected a JSON object`]);
  if (tooDeep(json))
    throw new ChecksError([`${stack}: is nested more than ${NESTING_MAX} levels deep; no Terraform configuration is`]);
  const variables = variablesOf(json);
  const scope = scopeOf(json);
  const root = rootOf(json) ?? stack;
  const make = (type: string, written: Block, address: string): Resource => {
    const { '//': _comment, ...attributes } = withoutDynamic(known(written, scope) as Block, scope);
    return { type, address, path: pathOf(written) ?? `${root}/${address}`, attributes, stack };
  };
  const resources = [
    ...named(json['resource']).map(([type, name, body]) => make(type, body, `${type}.${name}`)),
    ...named(json['data']).map(([type, name, body]) => make(`data.${type}`, body, `data.${type}.${name}`)),
    ...bodies(json['provider']).map(([name, body]) => {
      const alias = body['alias'];
      return make(`provider.${name}`, body, `provider.${name}${typeof alias === 'string' ? `.${alias}` : ''}`);
    }),
    ...backendOf(json).map(([name, backend]) => make(`backend.${name}`, backend, `backend.${name}`)),
    ...bodies(json['output']).map(([name, body]) => make('output', body, `output.${name}`)),
  ];
  return createTree(stack, resources, {
    suppressions: suppressionsOf(stack, json),
    variables,
    modules: bodies(json['module']).map(([name]) => `module.${name}`),
  });
}

export interface TreeExtras {
  readonly suppressions?: readonly Suppression[];
  readonly variables?: readonly Variable[];
  readonly modules?: readonly string[];
}

/** A tree of resources that were read elsewhere. References in attributes are `${type.name.attribute}` by address. */
export function createTree(stack: string, resources: readonly Resource[], extras: TreeExtras = {}): Tree {
  const byType = groupBy(resources, (resource) => resource.type);
  const variables = new Map((extras.variables ?? []).map((variable) => [variable.name, variable]));
  return {
    stack,
    resources,
    suppressions: extras.suppressions ?? [],
    modules: extras.modules ?? [],
    ofType: (...types) => types.flatMap((type) => byType.get(type) ?? []),
    variable: (name) => variables.get(name),
    ...createLinks(resources, byType),
  };
}

function tooDeep(value: unknown): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > NESTING_MAX) return true;
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}

/** `{ a: block }` and `{ a: [block, block] }` alike: each body with its label. */
const bodies = (section: Value): [string, Block][] =>
  (isBlock(section) ? Object.entries(section) : [])
    .filter(([label]) => label !== '//')
    .flatMap(([label, body]) =>
      (Array.isArray(body) ? (body as Value[]) : [body]).filter(isBlock).map((one): [string, Block] => [label, one]),
    );

/** Bodies with two labels: type and name. */
const named = (section: Value): [string, string, Block][] =>
  bodies(section).flatMap(([type, byName]) => bodies(byName).map(([name, body]): [string, string, Block] => [type, name, body]));

/** Where state is kept: a file, where nothing is said. */
function backendOf(json: Block): [string, Block][] {
  const settings = bodies({ terraform: json['terraform'] }).map(([, body]) => body);
  const kinds = settings.flatMap((body) => [...bodies(body['backend']), ...bodies({ cloud: body['cloud'] })]);
  return kinds.length > 0 ? kinds : [['local', {}]];
}

function pathOf(body: Block): string | undefined {
  const comment = body['//'];
  const metadata = isBlock(comment) ? comment['metadata'] : undefined;
  const path = isBlock(metadata) ? metadata['path'] : undefined;
  return typeof path === 'string' && path !== '' ? path : undefined;
}

/** Path of the stack itself, where it said so with its suppressions. */
function rootOf(json: Block): string | undefined {
  const comment = json['//'];
  const own = isBlock(comment) ? comment['tidemark'] : undefined;
  return isBlock(own) && typeof own['path'] === 'string' ? own['path'] : undefined;
}

function scopeOf(json: Block): Scope {
  const locals = new Map(bodies({ locals: json['locals'] }).flatMap(([, body]) => Object.entries(body)));
  const defaults = new Map(bodies(json['variable']).map(([name, body]) => [name, body['default']]));
  return { local: (name) => locals.get(name), variable: (name) => defaults.get(name), budget: { left: VALUES_MAX } };
}

const variablesOf = (json: Block): Variable[] =>
  bodies(json['variable']).map(([name, body]) => ({
    name,
    conditions: bodies({ validation: body['validation'] })
      .map(([, v]) => v['condition'])
      .filter((c) => typeof c === 'string'),
  }));

/** `dynamic` blocks as the blocks that they make: one for each item where those are known, else one with what is known of it. */
function withoutDynamic(attributes: Block, scope: Scope): Block {
  const { dynamic, ...rest } = attributes;
  if (dynamic === undefined) return attributes;
  const made: Record<string, Value> = { ...rest };
  for (const [name, body] of bodies({ dynamic }).flatMap(([, byName]) => bodies(byName))) {
    const before = made[name];
    const iterator = typeof body['iterator'] === 'string' ? body['iterator'] : name;
    const contents = bodies({ content: body['content'] }).map(([, content]) => content);
    const items = itemsOf(body['for_each']);
    const blocks =
      items === null
        ? contents
        : items.flatMap(([key, value]) => contents.map((content) => withItem(content, iterator, key, value, scope)));
    made[name] = [
      ...(Array.isArray(before) ? (before as Value[]) : before === undefined ? [] : [before]),
      ...blocks.map((b) => withoutDynamic(b, scope)),
    ];
  }
  return made;
}

function itemsOf(forEach: Value): [Value, Value][] | null {
  if (Array.isArray(forEach)) return (forEach as Value[]).map((value) => [value, value]);
  return isBlock(forEach) ? Object.entries(forEach) : null;
}

/** The content of a dynamic block for one item: `${name.value}` is a local of a scope of its own. */
function withItem(content: Block, iterator: string, key: Value, value: Value, scope: Scope): Block {
  if (!/^[A-Za-z_]\w*$/.test(iterator)) return content;
  const uses = new RegExp(`\\b${iterator}\\.(key|value)\\b`, 'g');
  const renamed = JSON.parse(JSON.stringify(content).replaceAll(uses, (_, which: string) => `local.${ITEM}${which}`)) as Value;
  const item: Readonly<Record<string, Value>> = { [`${ITEM}key`]: key, [`${ITEM}value`]: value };
  return known(renamed, { ...scope, local: (name) => (name.startsWith(ITEM) ? item[name] : scope.local(name)) }) as Block;
}
const ITEM = '__item_';
