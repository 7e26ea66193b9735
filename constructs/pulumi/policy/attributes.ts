/** Properties of Pulumi resources under the names and in the shape that Terraform has them in, which is what rules read. */
import type { Block, Value } from '../../checks/core/index.ts';
import { snake } from './types.ts';

/** Values that are maps of somebody else's keys. */
const MAPS: ReadonlySet<string> = new Set(['tags', 'tags_all', 'dimensions', 'target_tags', 'default_tags', 'variables', 'environment_variables', 'options']);

/** Properties that Terraform has under another name, by Terraform's type. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  aws_cloudwatch_metric_alarm: { name: 'alarm_name' },
  aws_sns_topic_subscription: { topic: 'topic_arn' },
};

/** Blocks that have plural names in Terraform as well, by its type. */
const PLURAL_IN_TERRAFORM: Readonly<Record<string, readonly string[]>> = {
  aws_ecs_service: ['client_alias', 'placement_constraints', 'tag_specifications', 'test_traffic_rules', 'vpc_lattice_configurations'],
  aws_ecs_task_definition: ['placement_constraints'],
  aws_launch_template: ['block_device_mappings', 'network_interfaces', 'tag_specifications'],
};

/** Endings that the bridge adds to the names of lists (pulumi-terraform-bridge, names.go: PluralizeName), longest first. */
const PLURALS: readonly (readonly [RegExp, string])[] = [[/ies$/, 'y'], [/(ss|x)es$/, '$1'], [/([aeiou]s)es$/, '$1'], [/(?<!s)s$/, '']];

const singular = (name: string): string => {
  const found = PLURALS.find(([ending]) => ending.test(name));
  return found === undefined ? name : name.replace(found[0], found[1]);
};

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Where values of the resource are looked up, and what stands for those that are not known. */
export interface Reading {
  /** Terraform's type of the resource. */
  readonly type: string;
  /** What stands for a text: a reference where it is another resource's. @param property of the resource, in which the text is */
  readonly text: (text: string, property: string) => Value;
  /** Stands for what is not known before the deployment. */
  readonly unknown: (property: string) => Value;
}

export function attributesOf(properties: Readonly<Record<string, unknown>>, reading: Reading): Block {
  const renamed = RENAMED[reading.type] ?? {};
  return block(properties, reading, undefined, (key) => renamed[key]);
}

function block(from: object, reading: Reading, property?: string, rename: (key: string) => string | undefined = () => undefined): Block {
  const made: Record<string, Value> = {};
  for (const key of Object.keys(from)) {
    const own = property ?? key;
    const name = rename(key) ?? snake(key);
    const value = read(from, key);
    if (value === UNKNOWN) made[name] = reading.unknown(own);
    else if (value === undefined || value === null) continue;
    else if (MAPS.has(name) && isMap(value)) made[name] = map(value, reading, own);
    else if (isBlocks(value) && PLURAL_IN_TERRAFORM[reading.type]?.includes(name) !== true) made[singular(name)] = converted(value, reading, own);
    else made[name] = converted(value, reading, own);
  }
  return made;
}

/** Lists of blocks have plural names in Pulumi and singular ones in Terraform; lists of values are called the same. */
const isBlocks = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.length > 0 && Array.from({ length: value.length }, (_, i) => read(value, String(i))).every((item) => item === UNKNOWN || isMap(item));

function converted(value: unknown, reading: Reading, property: string): Value {
  if (typeof value === 'string') return reading.text(value, property);
  if (Array.isArray(value)) {
    return Array.from({ length: value.length }, (_, i) => {
      const item = read(value, String(i));
      return item === UNKNOWN ? reading.unknown(property) : converted(item, reading, property);
    });
  }
  return isMap(value) ? block(value, reading, property) : value;
}

const map = (from: object, reading: Reading, property: string): Block => Object.fromEntries(Object.keys(from).map((key): [string, Value] => {
  const value = read(from, key);
  return [key, value === UNKNOWN ? reading.unknown(property) : isMap(value) ? map(value, reading, property) : converted(value, reading, property)];
}));

const UNKNOWN: unique symbol = Symbol('unknown');

/** In a preview the engine's objects throw when a value is asked for that is not known yet. */
function read(from: object, key: string): unknown {
  try {
    return (from as Record<string, unknown>)[key];
  } catch {
    return UNKNOWN;
  }
}
