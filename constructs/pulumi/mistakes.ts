/** All mistakes of a component at once, before anything of it is registered. */
import { Output } from '@pulumi/pulumi';
import { gather, type Mistakes } from '../common/gather.ts';

export { ConstructError, type Mistakes } from '../common/gather.ts';

const isLater = (value: unknown): boolean => Output.isInstance(value) || value instanceof Promise;

/**
 * Runs the checks; outputs, which only the deployment knows, pass.
 * @throws ConstructError with everything that they found
 */
export const check = (path: string, checks: (m: Mistakes) => void): void => gather(path, isLater, checks);

/** What is known when the deployment knows it: nothing may pass. */
export const checkAll = (path: string, checks: (m: Mistakes) => void): void => gather(path, () => false, checks);
