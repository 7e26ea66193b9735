/** Follows references between the resources of a stack: `${aws_s3_bucket.audit.id}`, through other resources, by literal name. */
import type { Resource, Tree, Value } from './model.ts';
import { partsOf } from './template.ts';

/** `type.name` or `data.type.name`, and the first attribute after it; an index or a splat between them is passed over. */
const REFERENCE =
  /(?<![\w.-])((?:data\.)?[a-z][a-z0-9]*_[a-z0-9_]+\.[A-Za-z_][\w-]*)(?:\[[^\]]{0,100}\])*(?:\.(?:\*\.)?([A-Za-z_]\w*))?/g;

/** How far a reference is followed through other resources. */
const HOPS_MAX = 4;

/** Attributes whose literal value names a resource. */
const NAMES = ['id', 'arn', 'name', 'bucket', 'identifier', 'cluster_identifier', 'key_id', 'function_name', 'family'];

/** What a resource's `id` is, where it is an attribute that was given to it. */
const idAttribute = (type: string): string | undefined => (type.startsWith('aws_s3_bucket_') ? 'bucket' : undefined);

interface Reference {
  readonly address: string;
  readonly attribute: string | undefined;
}

export function referencesOf(value: Value): Reference[] {
  if (Array.isArray(value)) return (value as Value[]).flatMap(referencesOf);
  if (typeof value !== 'string' || !value.includes('${')) return [];
  return partsOf(value).flatMap((part) =>
    'literal' in part
      ? []
      : [...part.expression.matchAll(REFERENCE)].map((match) => ({ address: match[1]!, attribute: match[2] })),
  );
}

type Links = Pick<Tree, 'at' | 'follow' | 'pointsTo' | 'companions'>;

export function createLinks(resources: readonly Resource[], byType: ReadonlyMap<string, readonly Resource[]>): Links {
  const byAddress = new Map(resources.map((resource) => [resource.address, resource]));

  const reach = (value: Value, hops: number, found: Set<Resource>): void => {
    for (const { address, attribute } of referencesOf(value)) {
      const resource = byAddress.get(address);
      if (resource === undefined) continue;
      const isNew = !found.has(resource);
      found.add(resource);
      const through = attribute === 'id' ? (idAttribute(resource.type) ?? 'id') : attribute;
      if (!isNew || hops === 0 || through === undefined || !Object.hasOwn(resource.attributes, through)) continue;
      reach(resource.attributes[through], hops - 1, found);
    }
  };
  const follow = (value: Value): Resource[] => {
    const found = new Set<Resource>();
    reach(value, HOPS_MAX, found);
    return [...found];
  };

  const literally = (value: Value, target: Resource): boolean => {
    if (Array.isArray(value)) return (value as Value[]).some((item) => literally(item, target));
    if (typeof value !== 'string' || value === '' || value.includes('${')) return false;
    return NAMES.some((name) => Object.hasOwn(target.attributes, name) && target.attributes[name] === value);
  };
  const pointsTo = (value: Value, target: Resource): boolean => literally(value, target) || follow(value).includes(target);

  return {
    at: (address) => byAddress.get(address),
    follow,
    pointsTo,
    companions: (type, attribute, target) =>
      (byType.get(type) ?? []).filter((resource) => pointsTo(resource.attributes[attribute], target)),
  };
}
