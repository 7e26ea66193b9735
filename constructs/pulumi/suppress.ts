/**
 * Suppressions of rules as tags of the resource that they are about: they travel with it to the policy pack, which runs in a
 * process of its own. What cannot be tagged is suppressed in the configuration of the pack (policy/pack.ts).
 */
import { REASON_MIN } from '../checks/core/suppressions.ts';
import { LIMITS } from '../sla-alarms/limits.ts';
import { check } from './mistakes.ts';

export const SUPPRESS_TAG = 'tidemark:suppress/';

/**
 * A tag that says why a rule need not hold for the resource that carries it: `tags: { ...suppressTag('TM-ECS-09', '...') }`.
 * @param reason 20 to 256 characters, of those that AWS takes in the value of a tag
 * @throws ConstructError with all that is wrong with the reason
 */
export function suppressTag(rule: string, reason: string): Readonly<Record<string, string>> {
  check(`suppression of ${rule}`, (m) => {
    m.text('rule', rule, /^[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+$/, 'the id of a rule such as TM-S3-01');
    if (reason.trim().length < REASON_MIN) {
      m.add(`reason: expected at least ${REASON_MIN} characters that tell a reviewer why the rule need not hold here, got ${JSON.stringify(reason)}`);
    }
    if (reason.length > LIMITS.tagValue.most) {
      m.add(`reason: expected at most ${LIMITS.tagValue.most} characters, got ${reason.length}; say it in the configuration of the policy pack`);
    }
    m.text('reason', reason, /^[\p{L}\p{N}\p{Z}_.:/=+\-@]*$/u, 'letters, digits, spaces and _.:/=+-@, which is what tags of AWS may hold');
  });
  return { [`${SUPPRESS_TAG}${rule}`]: reason };
}
