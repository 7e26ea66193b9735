/** Folders for a test file, gone when it ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const made: string[] = [];
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

export function temporaryFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `tidemark-${what}-`));
  made.push(folder);
  return folder;
}
