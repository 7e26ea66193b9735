/** Values as configurations write them: templates, expressions, documents in strings, networks, secrets. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { known, VALUES_MAX, type Scope } from './expression.ts';
import { createTree } from './index.ts';
import { parseJson } from './json.ts';
import { covers, isAnywhere, portsOf } from './network.ts';
import { policyOf } from './policy.ts';
import { isSecretName, secretIn, secretInScript } from './secrets.ts';
import { isExpression, partsOf } from './template.ts';
import { truth } from './values.ts';

const scope = (locals: Record<string, unknown> = {}, variables: Record<string, unknown> = {}): Scope => ({
  local: (name) => locals[name],
  variable: (name) => variables[name],
  budget: { left: VALUES_MAX },
});

describe('templates', () => {
  test('interpolations end where they end, whatever is in them', () => {
    expect(partsOf('a${b}c')).toEqual([{ literal: 'a' }, { expression: 'b' }, { literal: 'c' }]);
    expect(partsOf('${f("}", {x = "${y}"})}-$${no}')).toEqual([{ expression: 'f("}", {x = "${y}"})' }, { literal: '-$${no}' }]);
    expect(partsOf('')).toEqual([{ literal: '' }]);
    for (const open of ['${', '${"', '${a', '${"${', '${{}']) expect(isExpression(open), open).toBe(false);
    expect([isExpression('$${a}'), isExpression('${a}'), isExpression(7)]).toEqual([false, true, false]);
  });
  test('any text is read, and nothing of it is lost', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('$', '{', '}', '"', '\\', 'a', ' ', '%') }), (text) => {
        const again = partsOf(text)
          .map((part) => ('literal' in part ? part.literal : `\${${part.expression}}`))
          .join('');
        expect(again.replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        expect(() => known(text, scope())).not.toThrow();
      }),
    );
  });
});

describe('expressions', () => {
  test.each([
    ['${true}', true],
    ['${-1.5e2}', -150],
    ['${"a\\nb\\u0041"}', 'a\nbA'],
    ['${null}', null],
    ['${[1, "b", null]}', [1, 'b', null]],
    ['${{a = 1, "b": {c = null}}}', { a: 1, b: {} }],
    ['x${1}y', 'x1y'],
    ['${tolist(toset(["a"]))}', ['a']],
    ['${merge({a = 1}, {a = 2})}', { a: 2 }],
    ['${concat([1], [2])}', [1, 2]],
    ['${join("/", ["a", var.unknown])}', 'a/${var.unknown}'],
    ['${jsonencode({a = [1, true]})}', '{"a":[1,true]}'],
    ['${local.name}', 'audit'],
    ['${local.deep.a}', 'x'],
    ['${var.given}', 7],
    ['${[local.name, aws_s3_bucket.b.arn]}', ['audit', '${aws_s3_bucket.b.arn}']],
    ['${var.absent}', '${var.absent}'],
    ['${local.deep.missing}', '${local.deep.missing}'],
    ['${local.deep.constructor}', '${local.deep.constructor}'],
    ['${a ? b : c}', '${a ? b : c}'],
    ['${1 + 1}', '${1 + 1}'],
    ['${f(1)}', '${f(1)}'],
    ['${[for x in var.y : x]}', '${[for x in var.y : x]}'],
    ['${constructor("a")}', '${constructor("a")}'],
    ['${toString(1)}', '${toString(1)}'],
    ['$${var.given}', '$${var.given}'],
    ['%{ if true }x%{ endif }', '%{ if true }x%{ endif }'],
  ])('%s is %j', (text, value) => {
    expect(known(text, scope({ name: 'audit', deep: { a: 'x' } }, { given: 7 }))).toEqual(value);
  });
  test('what refers to itself, or unfolds without end, stays as it is', () => {
    const circle = scope({ a: '${local.b}', b: '${local.a}' });
    expect(() => known('${local.a}', circle)).not.toThrow();
    const laughs = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`l${i}`, `\${[local.l${i + 1}, local.l${i + 1}]}`]));
    expect(() => known('${local.l0}', scope({ ...laughs, l40: 'ha' }))).not.toThrow();
    expect(() => known(`\${${'['.repeat(5_000)}${']'.repeat(5_000)}}`, scope())).not.toThrow();
  });
});

describe('policies', () => {
  const tree = createTree('s', []);
  test('one statement or a list, one action or a list, everyone in both ways', () => {
    const one = { Effect: 'Allow', Action: 's3:GetObject', Resource: '*', Principal: '*' };
    const two = { Effect: 'Allow', Action: ['s3:GetObject'], Resource: ['*'], Principal: { AWS: ['*'] } };
    const read = (statement: unknown) => policyOf(JSON.stringify({ Statement: statement }), tree);
    expect(read(one)).toEqual(read([two]));
    expect(read(one)?.statements).toMatchObject([{ allow: true, actions: ['s3:GetObject'], principals: ['*'] }]);
  });
  test.each([
    ['{', 'is not JSON'],
    ['[]', 'is not JSON'],
    ['null', 'is not JSON'],
    ['{}', 'has no Statement'],
    ['{"Statement":[1]}', 'no object'],
    ['${var.p}', 'is an expression'],
    ['{"Statement":[{"Effect":"Yes"}]}', 'neither Allow nor Deny'],
  ])('%s: %s', (text, why) => {
    expect(policyOf(text, tree)?.unreadable?.why).toContain(why);
  });
  test('expressions may stand in a text, for a value, and with quotes of their own', () => {
    expect(parseJson('{"a": "${x}/y", "b": ${jsonencode(z)}, "c": "${join("/", ["a"])}"}')).toEqual({
      a: '${x}/y',
      b: '${jsonencode(z)}',
      c: '${join("/", ["a"])}',
    });
    expect(parseJson('{"a": "\\"${x}"}')).toEqual({ a: '"${x}' });
    expect(parseJson('{"a": "\uE0000\uE000 ${x}"}')).toEqual({ a: '\uE0000\uE000 ${x}' });
    expect(parseJson(`${'['.repeat(100_000)}`)).toBeUndefined();
  });
});

test('networks: anywhere is anywhere however it is written', () => {
  expect(['0.0.0.0/0', '::/0', '0.0.0.0/1', '128.0.0.0/1', '2000::/3', ' 0.0.0.0/0 '].map(isAnywhere)).toEqual([
    true,
    true,
    true,
    true,
    true,
    true,
  ]);
  expect(['10.0.0.0/8', '10.64.0.0/10', 'fd00::/48', '${var.x}', 'x/0', '', undefined].map(isAnywhere)).toEqual(
    Array.from({ length: 7 }, () => false),
  );
  expect([
    covers(portsOf('6', 20, '25'), 22),
    covers(portsOf('-1', 0, 0), 22),
    covers(portsOf('tcp', 80, 80), 22),
    covers(portsOf('icmp', -1, -1), 22),
    covers(portsOf('tcp', '${x}', 80), 22),
  ]).toEqual([true, true, false, false, true]);
});

test('secrets: names that hold one and names that point to one', () => {
  for (const name of ['DB_PASSWORD', 'dbPassword', 'TIDEMARK_TOKEN_FILE_CONTENT', 'api-key', '/site/token', 'SECRET'])
    expect(isSecretName(name), name).toBe(true);
  for (const name of [
    'SECRET_ARN',
    'TIDEMARK_TOKEN_FILE',
    'secretName',
    'PASSWORD_POLICY',
    'TOKEN_TTL_SECONDS',
    'MONKEY',
    'TOKENIZER',
  ])
    expect(isSecretName(name), name).toBe(false);
  expect(secretIn('PRIVATE+KEY+eu-fra-1+0123abcd+AQID')).toBe('a private note key');
  expect(secretIn('eu-fra-1+0123abcd+AQID')).toBeNull();
  expect(secretInScript('password: "$(get)"\nsecret_arn=x')).toBeNull();
});

test('truth as Terraform takes it', () => {
  expect(['true', true, 'false', false, '${x}', 'yes', 1, null].map(truth)).toEqual([
    true,
    true,
    false,
    false,
    'unknown',
    undefined,
    undefined,
    undefined,
  ]);
});
