/** The tags that a resource ends up with: its own over its provider's default ones. */
import type { Block, Resource, Tree, Value } from './model.ts';
import { block, isBlock } from './values.ts';

/** The provider that makes a resource: `provider.aws`, or the one that it names. */
export function providerOf(resource: Resource, tree: Tree): Resource | undefined {
  const named = resource.attributes['provider'];
  const reference = typeof named === 'string' ? named.replace(/^\$\{(.*)\}$/, '$1') : resource.type.split('_', 1)[0]!;
  return tree.at(`provider.${reference}`);
}

const asMap = (value: Value): Block => (isBlock(value) ? value : {});

export function tagsOf(resource: Resource, tree: Tree): Block {
  const provider = providerOf(resource, tree);
  return {
    ...asMap(provider === undefined ? undefined : block(provider, 'default_tags')['tags']),
    ...asMap(resource.attributes['tags']),
  };
}
