/** The deployment in use: the checkout's own; for an installed kit, that of the folder it is called in. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ofCheckout = join(import.meta.dirname, '..', 'tidemark.config.ts');

export const CONFIG_FILE = existsSync(ofCheckout) ? ofCheckout : resolve('tidemark.config.ts');
