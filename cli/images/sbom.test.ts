import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type AnySchema } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { bundleService } from './bundle.ts';
import { digestOf } from './digest.ts';
import { type Contents } from './inspect.ts';
import { createSbom, npmPurl, type SbomInput } from './sbom.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** The schemas that the CycloneDX project publishes, in its package for JavaScript. */
const SCHEMAS = join(ROOT, 'node_modules', '@cyclonedx', 'cyclonedx-library', 'res', 'schema');

const contents: Contents = {
  node: { path: '/usr/local/bin/node', version: '26.1.0' }, os: { id: 'debian', version: '12', name: 'Debian GNU/Linux 12' },
  packages: [{ name: 'libc6', version: '2.36-9+deb12u9', architecture: 'amd64' }, { name: 'libstdc++6', version: '1:12.2', architecture: 'amd64' }],
};
const bundle = await bundleService('edge-node', ROOT);
const input: SbomInput = { bundle, base: { name: 'docker.io/library/node', digest: digestOf('base'), contents }, name: 'tidemark/edge-node', version: '0.1.0', license: 'Apache-2.0' };

interface Bom {
  readonly serialNumber: string;
  readonly metadata: { readonly timestamp?: string; readonly component: { readonly 'bom-ref': string } };
  readonly components: readonly { readonly 'bom-ref': string; readonly type: string; readonly name: string; readonly version?: string; readonly purl?: string; readonly licenses?: readonly object[]; readonly hashes?: readonly { alg: string; content: string }[] }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}
const bomOf = (change: Partial<SbomInput> = {}): Bom => JSON.parse(createSbom({ ...input, ...change })) as Bom;

/** Errors by the published schema; null when there are none. */
function schemaErrors(bom: unknown): unknown {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats.default(ajv);
  // Formats of JSON Schema that the library of formats leaves out; nothing here has such values.
  for (const format of ['iri-reference', 'idn-email']) ajv.addFormat(format, true);
  const schema = (name: string): AnySchema => JSON.parse(readFileSync(join(SCHEMAS, `${name}.SNAPSHOT.schema.json`), 'utf8')) as AnySchema;
  // The package's copies refer to each other by their file names.
  for (const name of ['spdx', 'jsf-0.82']) ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const validate = ajv.compile(schema('bom-1.6'));
  return validate(bom) ? null : validate.errors;
}

describe('the document', () => {
  test.skipIf(!existsSync(SCHEMAS) && process.env['CI'] !== 'true')('is valid by the schema of CycloneDX 1.6', () => {
    expect(schemaErrors(bomOf())).toBeNull();
    expect(schemaErrors(bomOf({ timestamp: '2026-01-02T03:04:05Z' }))).toBeNull();
    expect(schemaErrors(bomOf({ base: { name: null, digest: digestOf('x'), contents: { node: { path: '/n', version: null }, os: null, packages: [] } } }))).toBeNull();
    // The check finds something: a licence that SPDX does not have, a component twice.
    expect(schemaErrors({ ...bomOf(), components: [{ type: 'library', name: 'x', licenses: [{ license: { id: 'No-Such' } }] }] })).not.toBeNull();
    const [first] = bomOf().components;
    expect(schemaErrors({ ...bomOf(), components: [first, first] })).not.toBeNull();
  });

  test('names every component once, and every reference leads to one (the specification\'s rules that no schema says)', () => {
    const bom = bomOf();
    const refs = bom.components.map((c) => c['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    const known = new Set([...refs, bom.metadata.component['bom-ref']]);
    expect(bom.dependencies.flatMap((d) => [d.ref, ...d.dependsOn]).filter((ref) => !known.has(ref))).toEqual([]);
    expect(bom.dependencies.map((d) => d.ref).sort()).toEqual([...known].sort());
    expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('leads from the service to everything that is in it', () => {
    const bom = bomOf();
    const below = new Map(bom.dependencies.map((d) => [d.ref, d.dependsOn]));
    const reached = new Set<string>();
    const walk = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const next of below.get(ref) ?? []) walk(next);
    };
    walk(bom.metadata.component['bom-ref']);
    expect(bom.components.map((c) => c['bom-ref']).filter((ref) => !reached.has(ref))).toEqual([]);
  });

  test('is the same for the same image, and another one for another', () => {
    expect(createSbom(input)).toBe(createSbom({ ...input }));
    expect(bomOf()).not.toHaveProperty('metadata.timestamp');
    expect(bomOf({ version: '0.1.1' }).serialNumber).not.toBe(bomOf().serialNumber);
  });
});

describe('components', () => {
  const { components } = bomOf();
  const find = (name: string) => components.find((c) => c.name === name)!;

  test('npm packages with their hash as the lock has it', () => {
    const fastify = bundle.packages.find((p) => p.name === 'fastify')!;
    expect(find('fastify')).toMatchObject({
      type: 'library', version: fastify.version, purl: `pkg:npm/fastify@${fastify.version}`, licenses: [{ license: { id: 'MIT' } }],
      hashes: [{ alg: 'SHA-512', content: Buffer.from(fastify.integrity!.slice('sha512-'.length), 'base64').toString('hex') }],
    });
  });

  test('Node, the base, the system and its packages', () => {
    expect(find('node')).toMatchObject({ type: 'platform', version: '26.1.0', purl: 'pkg:generic/node@26.1.0', cpe: 'cpe:2.3:a:nodejs:node.js:26.1.0:*:*:*:*:*:*:*' });
    expect(find('docker.io/library/node')).toMatchObject({ type: 'container', version: digestOf('base') });
    expect(find('debian')).toMatchObject({ type: 'operating-system', version: '12' });
    expect(find('libc6').purl).toBe('pkg:deb/debian/libc6@2.36-9%2Bdeb12u9?arch=amd64&distro=debian-12');
    expect(find('libstdc++6').purl).toBe('pkg:deb/debian/libstdc%2B%2B6@1:12.2?arch=amd64&distro=debian-12');
  });

  test.each([
    [{ name: 'fastify', version: '5.0.0' }, 'pkg:npm/fastify@5.0.0'], [{ name: '@fastify/swagger', version: '9.0.0-rc.1+x' }, 'pkg:npm/%40fastify/swagger@9.0.0-rc.1%2Bx'],
  ])('%j is %s', (p, purl) => expect(npmPurl(p)).toBe(purl));

  test.each([
    ['MIT', [{ license: { id: 'MIT' } }]], ['(MIT OR Apache-2.0)', [{ expression: '(MIT OR Apache-2.0)' }]], ['SEE LICENSE IN LICENSE', [{ license: { name: 'SEE LICENSE IN LICENSE' } }]],
    ['Public Domain', [{ license: { name: 'Public Domain' } }]], [null, []],
  ])('licence %j', (license, expected) => {
    const [first, ...rest] = bundle.packages;
    const bom = bomOf({ bundle: { ...bundle, packages: [{ ...first!, license }, ...rest] } });
    expect(bom.components.find((c) => c.purl === npmPurl(first!))?.licenses).toEqual(expected);
  });
});
