/** How rules read attributes: what is there, what is not, and what only Terraform will know. */
import type { Block, Problem, Resource, Value } from './model.ts';
import { isExpression } from './template.ts';

/** Longest value that a finding quotes. */
const SHOWN_MAX = 120;

const shown = (value: Value): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text;
};

/** A problem, with the value that makes it one. */
export const problem = (message: string, value?: Value): Problem =>
  value === undefined ? { message } : { message, value: shown(value) };

/** What must hold cannot be seen to hold before Terraform runs. */
export const undecided = (what: string, value: Value): Problem => ({
  message: `${what}: cannot be decided before apply, it is an expression; write the value itself`,
  value: shown(value),
  undecided: true,
});

/** A problem in one line: the message, and the value where the message does not have it. */
export const problemText = ({ message, value }: Problem): string =>
  value === undefined || message.includes(value) ? message : `${message}: ${value}`;

export const isBlock = (value: Value): value is Block => typeof value === 'object' && value !== null && !Array.isArray(value);

export const absent = (value: Value): value is undefined | null | '' => value === undefined || value === null || value === '';

/** Blocks of a kind, however they are written: one, a list of them, none. What cannot be read is not among them. */
export function blocks(holder: Resource | Block, name: string): readonly Block[] {
  const value = attribute(holder, name);
  return (Array.isArray(value) ? (value as Value[]) : [value]).filter(isBlock);
}

/** The first block of a kind; empty when there is none, so that its attributes read as absent. */
export const block = (holder: Resource | Block, name: string): Block => blocks(holder, name)[0] ?? {};

/** Where blocks should be but an expression is: what it makes cannot be read. */
export function unreadable(holder: Resource | Block, name: string): Value | undefined {
  const value = attribute(holder, name);
  return (Array.isArray(value) ? (value as Value[]) : [value]).find((item) => isExpression(item));
}

function attribute(holder: Resource | Block, name: string): Value {
  const from = isResource(holder) ? holder.attributes : holder;
  return Object.hasOwn(from, name) ? from[name] : undefined;
}

const isResource = (holder: Resource | Block): holder is Resource =>
  typeof holder['address'] === 'string' && isBlock(holder['attributes']);

/** Terraform takes "true" for true. */
export function truth(value: Value): boolean | 'unknown' | undefined {
  if (value === true || value === 'true') return true;
  if (value === false || value === 'false') return false;
  return isExpression(value) ? 'unknown' : undefined;
}

export function numberOf(value: Value): number | 'unknown' | undefined {
  if (typeof value === 'number') return value;
  if (isExpression(value)) return 'unknown';
  return typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? Number(value) : undefined;
}

export const texts = (value: Value): readonly string[] =>
  (Array.isArray(value) ? (value as Value[]) : [value]).filter((item) => typeof item === 'string');

/** Passes on true alone; absent counts as `otherwise`. */
export function mustBeTrue(value: Value, what: string, otherwise = false): Problem[] {
  const is = truth(value) ?? otherwise;
  if (is === true) return [];
  return is === 'unknown' ? [undecided(what, value)] : [problem(what, absent(value) ? undefined : value)];
}

/** Passes on false alone; absent counts as `otherwise`. */
export function mustBeFalse(value: Value, what: string, otherwise = false): Problem[] {
  const is = truth(value) ?? otherwise;
  if (is === false) return [];
  return is === 'unknown' ? [undecided(what, value)] : [problem(what, absent(value) ? undefined : value)];
}

/** Passes on any value, an expression too: it is set, and to what is said elsewhere. */
export const mustBeSet = (value: Value, what: string): Problem[] =>
  absent(value) || (Array.isArray(value) && value.length === 0) ? [problem(what)] : [];

/** The keys that AWS makes and lets every identity of the account use. */
const AWS_MANAGED_KEYS = /(?:^|:)alias\/aws\//;

/** Passes on any key but AWS's own. */
export const keyOfOnesOwn = (value: Value, missing: string): Problem[] =>
  typeof value === 'string' && AWS_MANAGED_KEYS.test(value)
    ? [problem('is encrypted with the AWS managed key', value)]
    : mustBeSet(value, missing);

/** Passes on a number of at least `least`. */
export function mustBeAtLeast(value: Value, least: number, what: string, otherwise?: number): Problem[] {
  const number = numberOf(value) ?? otherwise;
  if (number === 'unknown') return [undecided(what, value)];
  return number !== undefined && number >= least ? [] : [problem(what, absent(value) ? undefined : value)];
}

/** Passes on one of the values. */
export function mustBeOneOf(value: Value, allowed: readonly string[], what: string, otherwise?: string): Problem[] {
  const text = absent(value) ? otherwise : value;
  if (isExpression(text)) return [undecided(what, text)];
  return typeof text === 'string' && allowed.includes(text) ? [] : [problem(what, absent(value) ? undefined : value)];
}
