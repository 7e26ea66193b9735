/**
 * Makes the data folder of a platform ready: keys, `trust.json`, `policy.json`, `slas.json`, `webhook-secrets.json`, `token`. What is there stays; what the config
 * names anew is added; what it no longer names stays on disk and in `trust.json`, because its history must remain verifiable.
 * A change that would break what was signed before is refused, all such changes at once.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toPolicy, WEBHOOK_SECRET_BYTES, WEBHOOK_SECRET_PREFIX, type Platform } from '../../platform/index.ts';
import { decodePolicy, encodePolicy } from '../protocol/index.ts';
import { generateSigner, parseSigner, parseTrust, type TrustFile } from '../transparency/index.ts';
import { isExposed, PRIVATE_FILE, PRIVATE_FOLDER, readJson, unknownVersion, writeAtomic } from './files.ts';

export { isExposed, PRIVATE_FOLDER, readJson, writeAtomic } from './files.ts';

export class ProvisionError extends Error {
  override readonly name = 'ProvisionError';
}

/** Where things lie in the data folder; see README.md. */
export interface Layout {
  readonly root: string;
  readonly trust: string;
  readonly policy: string;
  readonly slas: string;
  /** Signing secrets of the webhooks, if there are any. */
  readonly webhookSecrets: string;
  readonly token: string;
  readonly deployment: string;
  readonly runState: string;
  readonly lock: string;
  readonly globalKey: string;
  regionKey(region: string): string;
  replicaKey(region: string, replica: number): string;
  edgeKey(edge: string): string;
  /** Data of a process: `global`, `eu/1`, `eu-fra-1`. */
  site(process: string): string;
  /** What the replicas of a region share. */
  region(region: string): string;
  log(process: string): string;
}

export function layoutOf(dataDir: string): Layout {
  const at = (...parts: string[]): string => join(dataDir, ...parts);
  return {
    root: dataDir,
    trust: at('trust.json'),
    policy: at('policy.json'),
    slas: at('slas.json'),
    webhookSecrets: at('webhook-secrets.json'),
    token: at('token'),
    deployment: at('deployment.json'),
    runState: at('platform.json'),
    lock: at('lock'),
    globalKey: at('keys', 'global.skey'),
    regionKey: (region) => at('keys', 'regions', region, 'log.skey'),
    replicaKey: (region, replica) => at('keys', 'regions', region, `replica-${replica}.skey`),
    edgeKey: (edge) => at('keys', 'edges', `${edge}.skey`),
    site: (process) => at('sites', ...process.split('/')),
    region: (region) => at('sites', region),
    log: (process) => at('logs', `${process.replaceAll('/', '.')}.log`),
  };
}

/** What the folder was made for, all that it ever held included: the memory that changes are checked against. */
export interface Deployment {
  readonly v: 1;
  readonly origin: string;
  readonly controlPlane: string;
  readonly assets: Readonly<Record<string, number>>;
  readonly regions: Readonly<Record<string, { readonly replicas: number }>>;
  /** Edge node -> its region. */
  readonly edges: Readonly<Record<string, string>>;
}

/** @throws ProvisionError saying everything that stands against it */
export function provision(platform: Platform, dataDir: string): Layout {
  const layout = layoutOf(dataDir);
  for (const folder of [layout.root, join(dataDir, 'keys'), join(dataDir, 'sites'), join(dataDir, 'logs')]) {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
  }
  const before = readJson(layout.deployment) as Deployment | null;
  const trustBefore = existsSync(layout.trust) ? (readJson(layout.trust) as TrustFile) : null;
  const policyText = encodePolicy(toPolicy(platform));
  const mistakes = [
    ...(before === null ? [] : changesThatCannotBe(before, platform)),
    ...policyChange(layout.policy, policyText),
  ];
  refuse(dataDir, mistakes);

  const after = merge(before, platform);
  const keys = createKeyring(trustBefore);
  const trust = trustOf(platform, after, layout, keys, trustBefore);
  refuse(dataDir, keys.mistakes);

  if (!existsSync(layout.token)) writeAtomic(layout.token, `${randomBytes(32).toString('hex')}\n`);
  else if (isExposed(layout.token)) refuse(dataDir, [exposed(layout.token)]);
  if (platform.webhooks.length > 0) {
    const { webhookSecrets: file } = layout;
    if (existsSync(file) && isExposed(file)) refuse(dataDir, [exposed(file)]);
    writeWhenNew(file, withWebhookSecrets(file, platform.webhooks.map(({ id }) => id)));
  }
  const trustText = `${JSON.stringify(trust, null, 2)}\n`;
  parseTrust(trustText);
  writeWhenNew(layout.trust, trustText);
  writeWhenNew(layout.policy, policyText);
  writeWhenNew(layout.slas, `${JSON.stringify(platform.slas, null, 2)}\n`);
  writeWhenNew(layout.deployment, `${JSON.stringify(after, null, 2)}\n`);
  return layout;
}

function refuse(dataDir: string, mistakes: readonly string[]): void {
  if (mistakes.length === 0) return;
  throw new ProvisionError(
    `the data folder ${dataDir} does not fit this config:\n${mistakes.map((m) => `  ${m}`).join('\n')}\n`
    + 'change the config back, or start a new platform in another folder',
  );
}

function writeWhenNew(path: string, content: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === content) return;
  writeAtomic(path, content);
}

export function changesThatCannotBe(before: Deployment, platform: Platform): string[] {
  const mistakes: string[] = [];
  if (before.v !== 1) return [`deployment.json: ${unknownVersion(before.v)}`];
  if (before.origin !== platform.origin) {
    mistakes.push(`origin: was ${before.origin}, is ${platform.origin}; every key and every signature names it`);
  }
  if (before.controlPlane !== platform.controlPlane.id) {
    mistakes.push(`controlPlane.id: was ${before.controlPlane}, is ${platform.controlPlane.id}; its ledger lies under that id`);
  }
  for (const asset of platform.assets) {
    const scale = before.assets[asset.code];
    if (scale !== undefined && scale !== asset.scale) {
      mistakes.push(
        `assets: ${asset.code} had ${scale} decimal places, now ${asset.scale}; the ledger counts in minor units, so every `
        + 'amount would change',
      );
    }
  }
  const kindBefore = (id: string): string | null => {
    if (before.controlPlane === id) return 'the control plane';
    if (Object.hasOwn(before.regions, id)) return 'a region';
    return Object.hasOwn(before.edges, id) ? `an edge node of ${before.edges[id]}` : null;
  };
  for (const region of platform.regions) {
    const was = kindBefore(region.id);
    const replicas = before.regions[region.id]?.replicas ?? 0;
    if (was !== null && was !== 'a region') {
      mistakes.push(`regions: ${region.id} was ${was}; an id is never used for something else`);
    } else if (region.replicas < replicas) {
      mistakes.push(`regions.${region.id}.replicas: was ${replicas}, is ${region.replicas}; replicas can be added, not removed`);
    }
    for (const edge of region.edges) {
      const edgeWas = kindBefore(edge.id);
      if (edgeWas !== null && edgeWas !== `an edge node of ${region.id}`) {
        mistakes.push(
          `regions.${region.id}.edges: ${edge.id} was ${edgeWas}; its log is bound to that, give the new node an id of its own`,
        );
      }
    }
  }
  return mistakes;
}

function policyChange(path: string, text: string): string[] {
  if (!existsSync(path)) return [];
  const old = readFileSync(path, 'utf8');
  if (old === text) return [];
  const [was, is] = [decodePolicy(old).version, decodePolicy(text).version];
  if (is > was) return [];
  return [
    `policy: changed, but its version is ${is} and was ${was}; raise policy.version, so that decisions under both can be told `
    + 'apart',
  ];
}

export function merge(before: Deployment | null, platform: Platform): Deployment {
  return {
    v: 1,
    origin: platform.origin,
    controlPlane: platform.controlPlane.id,
    assets: { ...before?.assets, ...Object.fromEntries(platform.assets.map((a) => [a.code, a.scale])) },
    regions: { ...before?.regions, ...Object.fromEntries(platform.regions.map((r) => [r.id, { replicas: r.replicas }])) },
    edges: { ...before?.edges, ...Object.fromEntries(platform.regions.flatMap((r) => r.edges.map((e) => [e.id, r.id]))) },
  };
}

/**
 * What is in the file of signing secrets, and a new secret for each webhook that has none. Those of webhooks that are none any more stay:
 * they may come back.
 * @throws ProvisionError when the file is something else
 */
export function withWebhookSecrets(path: string, webhooks: readonly string[]): string {
  const wrong = (what: string): ProvisionError => new ProvisionError(`${path}: ${what}; put it back from a copy, or move it away for new secrets, which receivers then need`);
  let before: unknown = {};
  try {
    if (existsSync(path)) before = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // What JSON.parse says quotes the text.
    throw wrong('not JSON');
  }
  if (typeof before !== 'object' || before === null || Array.isArray(before)) throw wrong('not an object: webhook id -> signing secret');
  const { made } = WEBHOOK_SECRET_BYTES;
  const missing = webhooks.filter((id) => !Object.hasOwn(before, id));
  const all = { ...before, ...Object.fromEntries(missing.map((id) => [id, `${WEBHOOK_SECRET_PREFIX}${randomBytes(made).toString('base64')}`])) };
  return `${JSON.stringify(all, null, 2)}\n`;
}

export interface Keyring {
  /** The public key to a private key on disk, which is made when it never was. */
  vkey(path: string, name: string, kind: 'ed25519' | 'cosignature/v1', trusted: string | undefined): string;
  readonly mistakes: string[];
}

export const exposed = (path: string): string =>
  `${path}: others than its owner can read it; if nobody has, chmod 600 it, else start anew`;

export function createKeyring(trust: TrustFile | null): Keyring {
  const mistakes: string[] = [];
  return {
    mistakes,
    vkey(path, name, kind, trusted) {
      if (!existsSync(path)) {
        if (trust !== null && trusted !== undefined) {
          mistakes.push(
            `${path}: the private key of ${name} is gone, and trust.json names it; put it back from a copy (a new key cannot `
            + 'carry on its log)',
          );
          return trusted;
        }
        mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER });
        const { signer, skey } = generateSigner(name, kind);
        writeAtomic(path, `${skey}\n`, PRIVATE_FILE);
        return signer.vkey;
      }
      if (isExposed(path)) mistakes.push(exposed(path));
      try {
        const { vkey, name: found } = parseSigner(readFileSync(path, 'utf8').trim());
        if (found !== name) mistakes.push(`${path}: the key is ${found}'s, expected ${name}'s`);
        else if (trusted !== undefined && trusted !== vkey) mistakes.push(`${path}: not the key that trust.json has for ${name}`);
        return vkey;
      } catch (error) {
        mistakes.push(`${path}: ${(error as Error).message}`);
        return '';
      }
    },
  };
}

/** Trust in what the config names, and in what earlier configs named; of those the private keys are not needed any more. */
export function trustOf(
  platform: Platform, all: Deployment, layout: Layout, keys: Keyring, before: TrustFile | null,
): TrustFile {
  const { origin } = platform;
  const configured = new Map(platform.regions.map((r) => [r.id, r]));
  return {
    origin,
    global: keys.vkey(layout.globalKey, `${origin}/global`, 'ed25519', before?.global),
    witnessQuorum: platform.witnessQuorum,
    regions: Object.entries(all.regions).map(([id, { replicas }]) => {
      const old = before?.regions.find((r) => r.id === id);
      const region = configured.get(id);
      if (region === undefined && old !== undefined) return old;
      const nodes = Object.keys(all.edges).filter((edge) => all.edges[edge] === id);
      return {
        id,
        log: keys.vkey(layout.regionKey(id), `${origin}/region/${id}`, 'ed25519', old?.log),
        quorum: region?.quorum ?? Math.floor(replicas / 2) + 1,
        replicas: Array.from({ length: replicas }, (_, n) =>
          keys.vkey(layout.replicaKey(id, n), `${origin}/region/${id}/replica/${n}`, 'cosignature/v1', old?.replicas[n])),
        nodes: nodes.map((edge) => {
          const known = old?.nodes.find((n) => n.id === edge);
          const removed = region?.edges.every((e) => e.id !== edge) ?? true;
          if (known !== undefined && removed) return known;
          return { id: edge, vkey: keys.vkey(layout.edgeKey(edge), `${origin}/edge/${edge}`, 'ed25519', known?.vkey) };
        }),
      };
    }),
  };
}
