/** All mistakes of a construct at once, under the construct's path. */
import { Token } from 'cdktf';
import type { Construct } from 'constructs';
import { gather, type Mistakes } from './gather.ts';

export { ConstructError, type Mistakes } from './gather.ts';

/** Runs the checks and throws `ConstructError` with everything that they found; tokens pass. */
export const check = (scope: Construct, checks: (m: Mistakes) => void): void => gather(scope.node.path, (value) => Token.isUnresolved(value), checks);
