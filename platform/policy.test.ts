import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodePolicy } from '../services/protocol/index.ts';
import { ASSET_CODE_PATTERN, LIMIT_PATTERN, policyText, toPolicy } from './index.ts';

test('the text of a policy is the one that the protocol encodes', () => {
  const limits = fc.dictionary(fc.stringMatching(new RegExp(ASSET_CODE_PATTERN)), fc.stringMatching(new RegExp(LIMIT_PATTERN)));
  const whole = fc.nat({ max: 2 ** 40 });
  fc.assert(fc.property(whole, whole, limits, limits, fc.nat(), (offlineAfterMs, maxStalenessMs, offlinePerAccount, offlinePerNode, version) => {
    const platform = { policy: { version, offlineAfterMs, maxStalenessMs, offlinePerAccount, offlinePerNode } };
    expect(policyText(platform)).toBe(encodePolicy(toPolicy(platform)));
  }));
});
