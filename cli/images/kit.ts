/** What the kit says of itself, in its package.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Kit {
  readonly version: string;
  /** SPDX id. */
  readonly license: string;
  readonly licenseText: string;
}

/** @param root of the checkout */
export function readKit(root: string): Kit {
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string; license: string };
  return { version, license, licenseText: readFileSync(join(root, 'LICENSE'), 'utf8') };
}
