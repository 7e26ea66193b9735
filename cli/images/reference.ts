/** Names of images in registries (distribution reference grammar): `registry.example.com:5000/team/node:26-slim@sha256:...`. */
import { isDigest, type Digest } from './digest.ts';
import { imageUsage } from './errors.ts';

export interface Reference {
  /** `docker.io`, `localhost:5000`. */
  readonly registry: string;
  /** In the registry: `library/node`. */
  readonly path: string;
  /** Both: `docker.io/library/node`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const HUB = 'docker.io';
const REGISTRY = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;
const COMPONENT = '[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*';
const PATH = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const PATH_MAX = 255;

/** @throws CliError saying which part is wrong */
export function parseReference(text: string): Reference {
  const wrong = (what: string): never => {
    throw imageUsage(`${JSON.stringify(text)} is no image reference: ${what}; expected REPOSITORY[:TAG][@sha256:...]`);
  };
  const [name = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !isDigest(digest))) wrong('after @ comes sha256: and 64 hexadecimal digits');
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const tag = hasTag ? name.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) wrong(`the tag ${JSON.stringify(tag)}`);
  const { registry, path } = parseRepository(hasTag ? name.slice(0, colon) : name) ?? wrong('the repository');
  return {
    registry, path, repository: `${registry}/${path}`, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest: digest as Digest }),
  };
}

/** A registry with or without a beginning of names: `localhost:5000`, `registry.example.com/team`. @throws CliError */
export function parsePrefix(text: string): { readonly registry: string; readonly prefix: string } {
  const [registry = '', ...rest] = text.replace(/\/+$/, '').split('/');
  const prefix = rest.join('/');
  if (!REGISTRY.test(registry) || (prefix !== '' && !PATH.test(prefix)) || /:\/\//.test(text)) {
    throw imageUsage(`${JSON.stringify(text)} is no registry; expected HOST[:PORT][/PREFIX], such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com`);
  }
  return { registry, prefix };
}

function parseRepository(name: string): { registry: string; path: string } | null {
  const [first = '', ...rest] = name.split('/');
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost' || first.startsWith('['));
  const registry = named ? first : HUB;
  const inside = named ? rest.join('/') : name;
  const path = registry === HUB && !inside.includes('/') ? `library/${inside}` : inside;
  return REGISTRY.test(registry) && PATH.test(path) && path.length <= PATH_MAX ? { registry, path } : null;
}
