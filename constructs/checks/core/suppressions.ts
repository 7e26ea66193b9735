/**
 * Suppressions as they travel in a synthesized stack: a comment of the configuration, which Terraform ignores, at
 * `//.tidemark.suppressions`: a list of `{ rule, path, reason, value? }`.
 */
import { ChecksError, type Block, type Suppression, type Value } from './model.ts';
import { isBlock } from './values.ts';

/** Where a stack keeps them: CDKTF's `addOverride` takes this path. */
export const SUPPRESSIONS_PATH = '//.tidemark.suppressions';

/** A reason says something to a reviewer; shorter ones do not. Characters. */
export const REASON_MIN = 20;
const REASON_MAX = 1_000;

/** What is wrong with a suppression; nothing when it is in order. */
export function mistakesIn(written: Value): string[] {
  if (!isBlock(written)) return [`expected { rule, path, reason }, got ${JSON.stringify(written)?.slice(0, 80)}`];
  const { rule, path, reason, value } = written;
  const mistakes: string[] = [];
  if (typeof rule !== 'string' || rule === '') mistakes.push('rule: needed, such as TM-S3-01');
  if (typeof path !== 'string' || path === '') mistakes.push('path: needed: the construct that it is about');
  if (typeof reason !== 'string' || reason.trim().length < REASON_MIN) {
    mistakes.push(
      `reason: at least ${REASON_MIN} characters that tell a reviewer why the rule need not hold here, got ${JSON.stringify(reason)}`,
    );
  } else if (reason.length > REASON_MAX) {
    mistakes.push(`reason: at most ${REASON_MAX} characters, got ${reason.length}`);
  } else if (/[$%]\{/.test(reason)) {
    mistakes.push(`reason: must be plain text, without \${...}, got ${JSON.stringify(reason)}`);
  }
  if (value !== undefined && typeof value !== 'string') mistakes.push(`value: expected text, got ${JSON.stringify(value)}`);
  return mistakes;
}

/** Those of a stack. @throws ChecksError with all that is wrong with them */
export function suppressionsOf(stack: string, json: Block): Suppression[] {
  const comment = json['//'];
  const own = isBlock(comment) ? comment['tidemark'] : undefined;
  const written = isBlock(own) ? own['suppressions'] : undefined;
  if (written === undefined) return [];
  if (!Array.isArray(written)) throw new ChecksError([`${stack}: ${SUPPRESSIONS_PATH}: expected a list`]);
  const mistakes = written.flatMap((one: Value, i) => mistakesIn(one).map((m) => `${stack}: ${SUPPRESSIONS_PATH}[${i}].${m}`));
  if (mistakes.length > 0) throw new ChecksError(mistakes);
  return (written as Suppression[]).map(({ rule, path, reason, value }) => ({
    rule,
    path,
    reason,
    ...(value === undefined ? {} : { value }),
  }));
}
