import { describe, expect, it } from 'vitest';
import { checkFile, checkLayering, importsOf, partOf, refusal, repositoryRoot } from './layering.ts';

const allowed = (file: string, specifier: string, typeOnly = false): boolean => refusal(file, { specifier, typeOnly }) === null;

describe('the repository', () => {
  it('keeps to the layering of DESIGN', () => {
    const { files, violations } = checkLayering(repositoryRoot);
    expect(files).toBeGreaterThan(20);
    expect(violations).toEqual([]);
  });
});

describe('refusal', () => {
  it.each([
    ['services/edge-node/service.ts', '../protocol/index.ts'],
    ['services/edge-node/service.ts', '../shell/index.ts'],
    ['services/edge-node/service.ts', '../../platform/index.ts'],
    ['services/edge-node/service.ts', 'node:fs'],
    ['services/edge-node/service.ts', 'fastify'],
    ['services/edge-node/core/node.ts', './accounts.ts'],
    ['services/edge-node/core/node.ts', '../../protocol/index.ts'],
    ['services/edge-node/core/node.test.ts', 'vitest'],
    ['services/local/simulation.test.ts', '../edge-node/core/node.ts'],
    ['cli/main.ts', '../services/local/index.ts'],
    ['cli/main.ts', '../services/transparency/index.ts'],
    ['cli/main.test.ts', '../tidemark.config.ts'],
    ['bench/main.ts', '../services/local/wan.ts'],
    ['test/simulation/world.ts', '../../services/edge-node/core/node.ts'],
    ['stacks/global.ts', '../constructs/signing-key.ts'],
    ['tidemark.config.ts', './platform/index.ts'],
  ])('lets %s import %s', (file, specifier) => {
    expect(allowed(file, specifier)).toBe(true);
  });

  it.each([
    ['services/edge-node/service.ts', '../control-plane/core/ledger.ts'],
    ['services/edge-node/service.test.ts', '../control-plane/core/ledger.ts'],
    ['services/edge-node/service.ts', '../../constructs/index.ts'],
    ['services/edge-node/service.ts', '../../stacks/index.ts'],
    ['services/edge-node/service.ts', '../../runbooks/index.ts'],
    ['services/edge-node/service.ts', '../../tidemark.config.ts'],
    ['services/edge-node/core/node.ts', 'node:crypto'],
    ['services/edge-node/core/node.ts', 'fs'],
    ['services/edge-node/core/node.ts', 'fastify'],
    ['services/edge-node/core/node.ts', '../store.ts'],
    ['services/edge-node/core/node.ts', '../../shell/index.ts'],
    ['services/protocol/client.ts', '../shell/index.ts'],
    ['services/shell/server.ts', '../edge-node/service.ts'],
    ['platform/index.ts', '../services/protocol/index.ts'],
    ['platform/index.ts', '../bin/layering.ts'],
    ['cli/main.ts', '../services/edge-node/service.ts'],
    ['cli/main.ts', '../services/local/plan.ts'],
    ['constructs/index.ts', '../services/protocol/types.ts'],
    ['runbooks/index.ts', '../services/transparency/index.ts'],
    ['something/new.ts', '../services/protocol/types.ts'],
    ['tidemark.config.ts', './services/protocol/types.ts'],
    ['services/edge-node/service.ts', '../../../elsewhere/index.ts'],
  ])('does not let %s import %s', (file, specifier) => {
    expect(allowed(file, specifier)).toBe(false);
  });

  it('lets the platform name types of the protocol, and no more', () => {
    expect(allowed('platform/policy.ts', '../services/protocol/types.ts', true)).toBe(true);
    expect(allowed('platform/policy.ts', '../services/protocol/types.ts', false)).toBe(false);
    expect(allowed('platform/policy.ts', '../services/edge-node/store.ts', true)).toBe(false);
  });
});

describe('importsOf', () => {
  it('sees every form, and where it stands', () => {
    const source = [
      'import fs from \'node:fs\';',
      'import {', '  a,', '  type B,', '} from "./several-lines.ts";',
      'export { c } from \'./again.ts\';', 'export * from \'./all.ts\';',
      'import \'./side-effect.ts\';',
      'const d = await import(\'./dynamic.ts\');',
      'import type { E } from \'./types.ts\';', 'import { type F, type G } from \'./types-too.ts\';',
      'type H = import(\'./inline.ts\').H;',
    ].join('\n');
    expect(importsOf(source).map(({ specifier, line, typeOnly }) => [specifier, line, typeOnly])).toEqual([
      ['node:fs', 1, false], ['./several-lines.ts', 5, false], ['./again.ts', 6, false], ['./all.ts', 7, false],
      ['./side-effect.ts', 8, false], ['./dynamic.ts', 9, false], ['./types.ts', 10, true], ['./types-too.ts', 11, true],
      ['./inline.ts', 12, false],
    ]);
  });

  it('does not take comments and text for imports', () => {
    const source = [
      '// import a from \'./a.ts\';', '/*', 'import b from \'./b.ts\';', '*/',
      'const url = \'https://example.org\'; // from \'./c.ts\'',
      'const text = "it says: import d from nowhere";', 'export const from = 1;',
    ].join('\n');
    expect(importsOf(source)).toEqual([]);
  });
});

describe('checkFile', () => {
  it('catches a core that reaches for the clock of its shell, and says where', () => {
    const source = '/** A core. */\nimport { readFileSync } from \'node:fs\';\nimport { now } from \'../clock.ts\';\n';
    expect(checkFile('services/edge-node/core/node.ts', source)).toEqual([
      expect.objectContaining({ line: 2, imported: 'node:fs', why: 'a core is pure: it imports neither Node nor a package' }),
      expect.objectContaining({ line: 3, imported: '../clock.ts' }),
    ]);
  });
});

describe('partOf', () => {
  it('is the folder that has a row, or nothing for a file at the root', () => {
    expect(['tidemark.config.ts', 'platform/rtt.ts', 'services/edge-node/core/node.ts'].map(partOf))
      .toEqual(['', 'platform', 'services/edge-node']);
  });
});
