import { describe, expect, test } from 'vitest';
import { parsePrefix, parseReference } from './reference.ts';

const digest = `sha256:${'0'.repeat(64)}`;

describe('a reference', () => {
  test.each([
    ['node', { registry: 'docker.io', path: 'library/node' }],
    ['node:26-slim', { registry: 'docker.io', path: 'library/node', tag: '26-slim' }],
    ['team/app', { registry: 'docker.io', path: 'team/app' }],
    ['docker.io/node', { registry: 'docker.io', path: 'library/node' }],
    ['localhost/app', { registry: 'localhost', path: 'app' }],
    ['localhost:5000/team/app:1@' + digest, { registry: 'localhost:5000', path: 'team/app', tag: '1', digest }],
    ['[::1]:5000/app', { registry: '[::1]:5000', path: 'app' }],
    [`123456789012.dkr.ecr.eu-west-1.amazonaws.com/tidemark/edge-node@${digest}`, { registry: '123456789012.dkr.ecr.eu-west-1.amazonaws.com', path: 'tidemark/edge-node', digest }],
  ])('%s', (text, parts) => expect(parseReference(text)).toEqual({ ...parts, repository: `${parts.registry}/${parts.path}` }));

  test.each([
    '', ' ', 'Node', 'a//b', 'a/../b', '-a', 'a:', 'a:x y', 'a@sha256:1', `a@${digest}@${digest}`, `a@${digest.toUpperCase()}`, 'https://example.com/a', 'example.com:x/a',
    `${'a/'.repeat(200)}a`, 'a?x=1', 'a#b', 'example.com/a b',
  ])('%j is none, and the message says what one is', (text) => {
    expect(() => parseReference(text)).toThrow(/is no image reference: .*REPOSITORY\[:TAG\]\[@sha256:\.\.\.\]/);
  });
});

describe('a registry', () => {
  test.each([
    ['localhost:5000', { registry: 'localhost:5000', prefix: '' }], ['registry.example.com/team/x/', { registry: 'registry.example.com', prefix: 'team/x' }],
  ])('%s', (text, parts) => expect(parsePrefix(text)).toEqual(parts));

  test.each(['', 'https://example.com', 'example.com/Team', 'example.com//a', 'user@example.com', 'example.com:port'])('%j is none', (text) =>
    expect(() => parsePrefix(text)).toThrow(/is no registry; expected HOST/));
});
