/**
 * Examples of the rules as a Pulumi program would write them, for tests: property names and shapes come from the declarations of
 * @pulumi/aws, not from the reader that is tested.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Example } from '../../checks/core/rules/examples/model.ts';
import type { StackResource } from './reader.ts';
import { PROVIDER, terraformType } from './types.ts';

type Body = Readonly<Record<string, unknown>>;
type Shape = ReadonlyMap<string, string>;

const root = dirname(createRequire(import.meta.url).resolve('@pulumi/aws/package.json'));
const declarations = (file: string): string => readFileSync(file, 'utf8').replace(/\/\*\*[\s\S]*?\*\//g, '');
const propertiesOf = (body: string): Shape => new Map([...body.matchAll(/^\s*(\w+)\??: (.*)$/gm)].map(([, name, type]) => [name!, type!]));

/** All resources of the package: token and declaration file, by Terraform's type. */
export const tokens: ReadonlyMap<string, { readonly token: string; readonly file: string }> = (() => {
  const found = new Map<string, { token: string; file: string }>();
  for (const module of readdirSync(root).filter((name) => statSync(join(root, name)).isDirectory())) {
    for (const name of readdirSync(join(root, module)).filter((file) => file.endsWith('.js'))) {
      const token = /__pulumiType = '(aws:[^']+)'/.exec(readFileSync(join(root, module, name), 'utf8'))?.[1];
      const type = token === undefined ? undefined : terraformType(token);
      if (token !== undefined && type !== undefined && !token.endsWith('V2')) found.set(type, { token, file: join(root, module, name.replace(/\.js$/, '.d.ts')) });
    }
  }
  return found;
})();

const nested: ReadonlyMap<string, Shape> = (() => {
  const shapes = new Map<string, Shape>();
  let namespace = '';
  for (const [, space, name, body] of declarations(join(root, 'types/input.d.ts')).matchAll(/export declare namespace (\w+)|interface (\w+) \{([\s\S]*?)\n {0,4}\}/g)) {
    if (space !== undefined) namespace = space;
    else shapes.set(`${namespace}.${name}`, propertiesOf(body!));
  }
  return shapes;
})();

const shapeOf = ({ token, file }: { readonly token: string; readonly file: string }): Shape =>
  propertiesOf(new RegExp(`export interface ${token.split(':')[2]}Args \\{([\\s\\S]*?)\\n\\}`).exec(declarations(file))?.[1] ?? '');

const RENAMED: Readonly<Record<string, string>> = { 'aws_cloudwatch_metric_alarm.alarm_name': 'name', 'aws_sns_topic_subscription.topic_arn': 'topic' };
/** Terraform's own, for all resources: what Pulumi says by options, and what it says in the program's language. */
const META = ['lifecycle', 'provider', 'depends_on'];
const LANGUAGE = ['count', 'for_each', 'provisioner', 'dynamic'];

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase());

/** Why an example has no like in Pulumi. */
export class NoSuchExample extends Error {}

function converted(type: string, body: Body, shape: Shape, path: string): Record<string, unknown> {
  const only = Object.keys(body).find((key) => LANGUAGE.includes(key));
  if (only !== undefined) throw new NoSuchExample(`${path}.${only}`);
  return Object.fromEntries(Object.entries(body).filter(([key]) => !META.includes(key)).map(([key, value]) => {
    const wanted = RENAMED[`${type}.${key}`] ?? camel(key);
    const name = [wanted, `${wanted}s`, `${wanted}es`, wanted.replace(/y$/, 'ies')].find((candidate) => shape.has(candidate));
    if (name === undefined) throw new NoSuchExample(`${path}.${key}: is no property`);
    const declared = shape.get(name)!;
    const inner = /inputs\.(\w+\.\w+)/.exec(declared)?.[1];
    if (inner === undefined) return [name, value];
    const items = (Array.isArray(value) ? value : [value]) as unknown[];
    const made = items.map((item) => (typeof item === 'object' && item !== null ? converted(type, item as Body, nested.get(inner) ?? new Map(), `${path}.${key}`) : item));
    return [name, declared.includes('[]') ? made : made[0]];
  }));
}

/** @throws NoSuchExample when it uses what only Terraform has: variables, locals, data sources, blocks that Pulumi has not */
export function asPulumi(example: Example): StackResource[] {
  const { data, locals, variable, output, terraform } = example;
  if ([data, locals, variable, output, terraform].some((section) => section !== undefined)) throw new NoSuchExample('sections');
  const all = Object.entries(example.resource ?? {}).flatMap(([type, byName]) => Object.entries(byName).map(([name, body]) => ({ type, name, body })));
  const urnOf = (address: string): string => `urn:pulumi:test::test::${address}`;
  const outputs = new Map(all.map(({ type, name, body }) => [`${type}.${name}`, { arn: `arn:aws:x:eu-west-1:123456789012:${type}/${name}`, id: `id-of-${type}-${name}`, ...body } as Body]));
  const providers = Object.entries(example.provider ?? {}).flatMap(([, bodies]) => [bodies].flat().map((body, i): StackResource => ({
    type: PROVIDER, name: `provider-${i}`, urn: urnOf(`provider-${i}`),
    props: Object.fromEntries(Object.entries(body as Body).map(([key, value]) => [camel(key), typeof value === 'string' ? value : JSON.stringify(flat(value))])),
  })));
  const resources = all.map(({ type, name, body }): StackResource => {
    const known = tokens.get(type);
    if (known === undefined) throw new NoSuchExample(`${type}: is no resource`);
    const propertyDependencies: Record<string, { urn: string }[]> = {};
    const resolve = (value: unknown, property: string): unknown => {
      if (Array.isArray(value)) return value.map((item) => resolve(item, property));
      if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, property === '' ? key : property)]));
      if (typeof value !== 'string') return value;
      return value.replace(/\$\{([^}]+)\}/g, (_, expression: string) => {
        const [address, attribute] = /^(\w+\.\w+)(?:\[\d+\])?\.(\w+)$/.exec(expression)?.slice(1) ?? [];
        const found = outputs.get(address ?? '')?.[attribute ?? ''] ?? outputs.get(address ?? '')?.['id'];
        if (typeof found !== 'string' || found.includes('${')) throw new NoSuchExample(expression);
        (propertyDependencies[property] ??= []).push({ urn: urnOf(address!) });
        return found;
      });
    };
    const props = converted(type, body, shapeOf(known), type);
    const lifecycle = (body['lifecycle'] ?? {}) as Readonly<Record<string, unknown>>;
    const wanted = String(body['provider'] ?? 'aws').replace(/^\$\{(.*)\}$/, '$1').replace(/^aws\./, '');
    const provider = providers.find(({ props: { alias } }) => (alias ?? 'aws') === wanted);
    const { arn, id } = outputs.get(`${type}.${name}`)!;
    return {
      type: known.token, name, urn: urnOf(`${type}.${name}`), propertyDependencies,
      ...(provider === undefined ? {} : { provider: provider as NonNullable<StackResource['provider']> }),
      opts: { protect: lifecycle['prevent_destroy'] === true, deleteBeforeReplace: lifecycle['create_before_destroy'] !== true },
      props: { arn, id, ...resolve(props, '') as Record<string, unknown> },
    };
  });
  return [...resources, ...providers];
}

/** Blocks of one are objects in Pulumi. */
const flat = (value: unknown): unknown => (Array.isArray(value) && value.length === 1 && typeof value[0] === 'object' ? value[0] : value);
