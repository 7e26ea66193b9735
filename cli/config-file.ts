/** The deployment in use. */
import { join } from 'node:path';

export const CONFIG_FILE = join(import.meta.dirname, '..', 'tidemark.config.ts');
