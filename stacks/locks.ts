/**
 * What lies beside a config and is committed with it: networks that were planned (addresses.lock.json), so that they stay where
 * they are, and digests of images (images.lock.json).
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EMPTY_LOCK, LOCK_FILE, readLock, type ImageLock } from '../constructs/service-image/lock.ts';
import {
  ADDRESSES_FILE, ConfigError, formatAddressLock, parseAddressLock, planAddresses, recordedPlan, withPlan, type AddressLock, type AddressPlan, type DeployedPlatform, type Platform,
} from '../platform/index.ts';
import { replaceFile } from '../platform/whole-file.ts';

export interface Locks {
  readonly addresses: AddressPlan;
  /** Undefined when there is no file: digests are then variables of the stacks. */
  readonly images: ImageLock | undefined;
  /** Certificates of the platform's own authority; undefined when `deploy.authorities` names no file: they are then a variable. */
  readonly authorities: string | undefined;
  readonly recorded: AddressLock | undefined;
  readonly platform: Platform;
}

/** @param folder where the config is @throws ConfigError, LockError */
export function loadLocks(folder: string, platform: DeployedPlatform): Locks {
  const authorities = resolve(folder, platform.deploy.authorities);
  const file = join(folder, ADDRESSES_FILE);
  const recorded = existsSync(file) ? parseAddressLock(readFileSync(file, 'utf8'), file) : undefined;
  const images = readLock(join(folder, LOCK_FILE));
  return {
    addresses: planAddresses(platform, recordedPlan(recorded, platform)), images: images === EMPTY_LOCK ? undefined : images, recorded, platform,
    authorities: existsSync(authorities) ? certificates(authorities) : undefined,
  };
}

const CERTIFICATES = /^(?:-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

/** A private key that got into the file by mistake must not get into a plan. */
function certificates(file: string): string {
  const allowed = 'PEM certificates and nothing else, as `tidemark keys create` writes them to ca.pem';
  const wrong = (why: string): ConfigError => new ConfigError([{ path: 'deploy.authorities', value: file, allowed, message: `deploy.authorities: ${file} ${why}; allowed: ${allowed}` }]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw wrong(`can't be read (${(error as Error).message})`);
  }
  if (CERTIFICATES.test(text.trimStart())) return text;
  throw wrong('holds something else');
}

/** Stacks whose networks are not in the record yet. */
export function unrecorded({ recorded, platform, addresses }: Locks): string[] {
  const before = recordedPlan(recorded, platform)?.networks ?? {};
  return Object.keys(addresses.networks).filter((stack) => before[stack] !== addresses.networks[stack]);
}

/**
 * Writes the plan down, unless it stands there already: whole or not at all.
 *
 * @returns the stacks whose networks are new in the record
 */
export function saveAddresses(folder: string, locks: Locks): { readonly file: string; readonly added: readonly string[] } {
  const file = join(folder, ADDRESSES_FILE);
  const added = unrecorded(locks);
  if (added.length > 0) {
    replaceFile(file, formatAddressLock(withPlan(locks.recorded, locks.platform, locks.addresses)));
  }
  return { file, added };
}
