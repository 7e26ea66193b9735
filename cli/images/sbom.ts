/**
 * The bill of materials of an image: CycloneDX 1.6 (ECMA-424), JSON. Components are what the bundle has of npm packages, the
 * Node that runs it, the base image and its Debian packages. The same image always gives the same document.
 */
import { type Base } from './base.ts';
import { type Bundle } from './bundle.ts';
import { digestOf, stableJson, type Digest } from './digest.ts';
import { nameAndVersion, type Package } from './packages.ts';
import { type OsPackage } from './inspect.ts';

export interface SbomInput {
  readonly bundle: Bundle;
  readonly base: Pick<Base, 'name' | 'digest' | 'contents'>;
  /** `tidemark/edge-node`. */
  readonly name: string;
  /** Of the kit. */
  readonly version: string;
  /** Of the kit, as in its package.json. */
  readonly license: string;
  /** ISO 8601. @default - none, so that the document depends on the image alone */
  readonly timestamp?: string;
}

type Component = Readonly<Record<string, unknown>> & { readonly 'bom-ref': string };

/** Ids that the SPDX licence list knows and packages in use have; other texts are taken as names or expressions. */
const SPDX_IDS = new Set([
  '0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC-BY-3.0', 'CC-BY-4.0', 'CC0-1.0', 'ISC', 'MIT', 'MIT-0', 'MPL-2.0',
  'Python-2.0', 'Unlicense', 'WTFPL', 'Zlib',
]);
const EXPRESSION = /^\(?[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?)+\)?$/;

function licensesOf(license: string | null): object[] {
  if (license === null) return [];
  if (SPDX_IDS.has(license)) return [{ license: { id: license } }];
  return EXPRESSION.test(license) ? [{ expression: license }] : [{ license: { name: license } }];
}

/** purl-spec: everything is percent-encoded but letters, digits and . - _ ~ : */
const encoded = (text: string): string =>
  encodeURIComponent(text).replaceAll('%3A', ':').replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export const npmPurl = (p: Pick<Package, 'name' | 'version'>): string => `pkg:npm/${p.name.split('/').map(encoded).join('/')}@${encoded(p.version)}`;
const debPurl = (p: OsPackage, os: { id: string; version: string }): string =>
  `pkg:deb/${encoded(os.id)}/${encoded(p.name)}@${encoded(p.version)}?arch=${encoded(p.architecture)}&distro=${encoded(`${os.id}-${os.version}`)}`;

const HASHES: Readonly<Record<string, string>> = { sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' };

/** Subresource Integrity to CycloneDX: base64 to hexadecimal. */
function hashesOf(integrity: string | null): object {
  const hashes = (integrity ?? '').split(/\s+/).flatMap((one) => {
    const [, algorithm = '', value = ''] = /^(sha(?:1|256|384|512))-([A-Za-z0-9+/=]+)$/.exec(one) ?? [];
    const alg = HASHES[algorithm];
    return alg === undefined ? [] : [{ alg, content: Buffer.from(value, 'base64').toString('hex') }];
  });
  return hashes.length === 0 ? {} : { hashes };
}

const hex = (digest: Digest): string => digest.slice('sha256:'.length);

/** The document's text. */
export function createSbom({ bundle, base, name, version, license, timestamp }: SbomInput): string {
  const packages = bundle.packages.map((p): Component => {
    const [scope, rest] = p.name.startsWith('@') ? p.name.split('/') as [string, string] : [undefined, p.name];
    return {
      'type': 'library', 'bom-ref': npmPurl(p), ...(scope === undefined ? {} : { group: scope }), 'name': rest, 'version': p.version,
      'purl': npmPurl(p), 'licenses': licensesOf(p.license), 'scope': 'required', ...hashesOf(p.integrity),
    };
  });
  const { node, os } = base.contents;
  const runtime: Component = {
    'type': 'platform', 'bom-ref': 'node', 'name': 'node', 'description': 'Node.js runtime', 'scope': 'required',
    'licenses': [{ license: { name: 'Node.js licence' } }],
    ...(node.version === null ? {} : {
      version: node.version, purl: `pkg:generic/node@${encoded(node.version)}`, cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`,
    }),
  };
  const baseImage: Component = {
    'type': 'container', 'bom-ref': 'base', 'name': base.name ?? 'base', 'version': base.digest,
    'hashes': [{ alg: 'SHA-256', content: hex(base.digest) }],
  };
  const system: Component[] = os === null ? [] : [
    { 'type': 'operating-system', 'bom-ref': 'os', 'name': os.id, ...(os.version === '' ? {} : { version: os.version }), 'description': os.name },
    ...base.contents.packages.map((p): Component => ({
      'type': 'library', 'bom-ref': debPurl(p, os), 'name': p.name, 'version': p.version, 'purl': debPurl(p, os), 'scope': 'required',
    })),
  ];
  const components = [...packages, runtime, baseImage, ...system].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const root = `${name}@${version}`;
  const refs = new Map(bundle.packages.map((p) => [nameAndVersion(p), npmPurl(p)]));
  const dependencies = [
    { ref: root, dependsOn: [...bundle.packages.filter((p) => p.direct).map(npmPurl), 'node', 'base'].sort() },
    ...bundle.packages.map((p) => ({ ref: npmPurl(p), dependsOn: p.dependencies.map((d) => refs.get(d)!).sort() })),
    { ref: 'base', dependsOn: system.map((c) => c['bom-ref']).sort() },
    ...['node', ...system.map((c) => c['bom-ref'])].map((ref) => ({ ref, dependsOn: [] as string[] })),
  ].sort((a, b) => (a.ref < b.ref ? -1 : 1));
  const document = {
    bomFormat: 'CycloneDX', specVersion: '1.6', version: 1,
    metadata: {
      ...(timestamp === undefined ? {} : { timestamp }),
      tools: { components: [{ type: 'application', name: 'tidemark', version }] },
      component: {
        'type': 'application', 'bom-ref': root, name, version, 'description': bundle.service.title, 'licenses': licensesOf(license),
        'properties': [
          ...bundle.files.map((f) => ({ name: `tidemark:file:${f.name}`, value: digestOf(f.bytes) })),
          { name: 'tidemark:source', value: bundle.digest },
        ],
      },
    },
    components, dependencies,
  };
  return `${stableJson({ ...document, serialNumber: serialNumber(document) }, 2)}\n`;
}

/** RFC 9562, 5.8: a UUID of our own making (version 8), from what the document says. */
function serialNumber(document: object): string {
  const bytes = Buffer.from(hex(digestOf(stableJson(document))), 'hex').subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return `urn:uuid:${bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')}`;
}
