/** What lies beside a config: read, kept, and refused when it is something else. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ADDRESSES_FILE, definePlatform, deployed, type DeployedPlatform } from '../platform/index.ts';
import config from '../tidemark.config.ts';
import { loadLocks, saveAddresses } from './locks.ts';

const platform = deployed(config);
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-locks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('networks are planned, written down once, and stay when a site comes before the others', () => {
  const first = loadLocks(folder, platform);
  expect(saveAddresses(folder, first).added).toHaveLength(7);
  expect(saveAddresses(folder, loadLocks(folder, platform)).added).toEqual([]);
  const [eu, ...others] = config.regions;
  const grown = definePlatform({
    ...config, regions: [{ ...eu!, edges: [{ id: 'aa-first', location: 'eu-central-1' }, ...eu!.edges] }, ...others],
  }) as DeployedPlatform;
  const second = loadLocks(folder, grown);
  expect(second.addresses.networks).toMatchObject(first.addresses.networks);
  expect(saveAddresses(folder, second).added).toEqual(['edge-aa-first']);
  expect(readFileSync(join(folder, ADDRESSES_FILE), 'utf8')).toContain('"edge-aa-first"');
});

test('authorities are certificates; a private key among them is refused without being shown', () => {
  expect(loadLocks(folder, platform).authorities).toBeUndefined();
  mkdirSync(join(folder, 'keys'));
  const certificate = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  writeFileSync(join(folder, 'keys/ca.pem'), certificate);
  expect(loadLocks(folder, platform).authorities).toBe(certificate);
  writeFileSync(join(folder, 'keys/ca.pem'), `${certificate}-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n`);
  expect(() => loadLocks(folder, platform)).toThrow(/deploy\.authorities: .*ca\.pem holds something else/);
  expect(() => loadLocks(folder, platform)).not.toThrow(/SECRET/);
  rmSync(join(folder, 'keys/ca.pem'));
  mkdirSync(join(folder, 'keys/ca.pem'));
  expect(() => loadLocks(folder, platform)).toThrow(/deploy\.authorities: .*ca\.pem can't be read \(EISDIR.*\); allowed: PEM certificates/);
});

test('a record that is broken is told, not planned over', () => {
  writeFileSync(join(folder, ADDRESSES_FILE), '{"version":1,"deployments":{"tidemark/production":{"global":"10.64.0.0/18","region-eu":"10.64.0.0/18"}}}');
  expect(() => loadLocks(folder, platform)).toThrow(/overlaps/);
  writeFileSync(join(folder, ADDRESSES_FILE), '<<<<<<< HEAD');
  expect(() => loadLocks(folder, platform)).toThrow(/not JSON/);
});
