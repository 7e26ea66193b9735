import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { openSqliteStore } from './sqlite-store.ts';
import { storeContract, type OpenStore } from './store-contract.ts';

let folder: string | null = null;
afterEach(() => {
  if (folder !== null) rmSync(folder, { recursive: true, force: true });
  folder = null;
});

const inFolder = (idHash?: (id: string) => number): OpenStore => async (name) => {
  folder ??= mkdtempSync(join(tmpdir(), 'ledger-store-'));
  return openSqliteStore(join(folder, `${name}.db`), idHash === undefined ? {} : { idHash });
};

storeContract('SQLite', inFolder());
storeContract('SQLite, when all ids have one of two hashes,', inFolder((id) => id.length % 2));
