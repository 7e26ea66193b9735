/** What `pulumi up` runs. */
import { deployEdge } from './index.ts';

export const { url, clusterArn, alarmNames } = (await deployEdge()).outputs;
