/** What several hosts that are one cluster have in common. */
import type { StatefulHost } from './host.ts';
import type { StatefulHostProps } from './props.ts';

const PASSED_ON = ['secretsKeyArn', 'protectData', 'snapshots', 'logRetentionDays', 'runbook', 'amiId'] as const satisfies readonly (keyof StatefulHostProps)[];

/** Properties that a cluster leaves to its hosts. */
export type GroupProps = Pick<StatefulHostProps, 'vpcId' | 'awsRegion' | 'encryptionKeyArn' | (typeof PASSED_ON)[number]>;

/** Those of them that are given. */
export const groupProps = (props: GroupProps): GroupProps => {
  const { vpcId, awsRegion, encryptionKeyArn } = props;
  return { ...Object.fromEntries(PASSED_ON.filter((name) => props[name] !== undefined).map((name) => [name, props[name]])), vpcId, awsRegion, encryptionKeyArn };
};

/** Lets every host call every other one. @param peer what one of them is: `from-<peer>-0` is the rule's id */
export function connectAll(hosts: readonly StatefulHost[], peer: string, port: number, describe: (i: number) => string): void {
  for (const [i, from] of hosts.entries()) {
    for (const [j, to] of hosts.entries()) {
      if (i === j) continue;
      from.allowTo(`${peer}-${j}`, { securityGroupId: to.securityGroupId, port, description: describe(j) });
      to.allowFrom(`${peer}-${i}`, { securityGroupId: from.securityGroupId, port, description: describe(i) });
    }
  }
}
