/**
 * What lies beside a config and is committed with it: networks that were planned (addresses.lock.json), so that they stay where
 * they are, and digests of images (images.lock.json).
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EMPTY_LOCK, LOCK_FILE, readLock, type ImageLock } from '../constructs/service-image/lock.ts';
import {
  ADDRESSES_FILE, formatAddressLock, parseAddressLock, planAddresses, recordedPlan, withPlan, type AddressLock, type AddressPlan, type Platform,
} from '../platform/index.ts';

export interface Locks {
  readonly addresses: AddressPlan;
  /** Undefined when there is no file: digests are then variables of the stacks. */
  readonly images: ImageLock | undefined;
  readonly recorded: AddressLock | undefined;
  readonly platform: Platform;
}

/** @param folder where the config is @throws ConfigError, LockError */
export function loadLocks(folder: string, platform: Platform): Locks {
  const file = join(folder, ADDRESSES_FILE);
  const recorded = existsSync(file) ? parseAddressLock(readFileSync(file, 'utf8'), file) : undefined;
  const images = readLock(join(folder, LOCK_FILE));
  return {
    addresses: planAddresses(platform, recordedPlan(recorded, platform)), images: images === EMPTY_LOCK ? undefined : images, recorded, platform,
  };
}

/**
 * Writes the plan down, unless it stands there already: whole or not at all.
 *
 * @returns the stacks whose networks are new in the record
 */
export function saveAddresses(folder: string, locks: Locks): { readonly file: string; readonly added: readonly string[] } {
  const file = join(folder, ADDRESSES_FILE);
  const before = recordedPlan(locks.recorded, locks.platform)?.networks ?? {};
  const added = Object.keys(locks.addresses.networks).filter((stack) => before[stack] !== locks.addresses.networks[stack]);
  if (added.length > 0) {
    const half = `${file}.${process.pid}.new`;
    writeFileSync(half, formatAddressLock(withPlan(locks.recorded, locks.platform, locks.addresses)));
    renameSync(half, file);
  }
  return { file, added };
}
