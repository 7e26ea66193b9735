/** What the control plane's stack is made of, by shape and size: data. */
import { FARGATE_ENDPOINTS, HOST_ENDPOINTS, type Nat } from '../constructs/network/index.ts';
import type { Deploy, Size } from '../platform/index.ts';

/** Aurora capacity units: what the ledger's database shrinks and grows to. */
export const LEDGER_CAPACITY: Readonly<Record<Size, { readonly minCapacity: number; readonly maxCapacity: number }>> = {
  small: { minCapacity: 0.5, maxCapacity: 4 },
  medium: { minCapacity: 1, maxCapacity: 16 },
  large: { minCapacity: 4, maxCapacity: 64 },
};

export interface GlobalShape {
  readonly nat: Nat;
  readonly interfaceEndpoints: readonly string[];
  /** Whether data refuses to be destroyed, and what can be lost by mistake is protected. */
  readonly isProtected: boolean;
  /** Servers of the ledger's database. */
  readonly ledgerInstances: number;
  /** Days for which a deleted secret can be brought back; its name is free only then. */
  readonly secretRecoveryDays: number;
}

/**
 * A pilot reaches AWS through one NAT gateway. In production each zone has its own, and what the control plane can't do without (its image, its
 * secrets, its keys, its log) is reached inside the network, so that it goes on when there is no way out.
 */
export const shapeOf = ({ shape, storage }: Pick<Deploy, 'shape' | 'storage'>): GlobalShape => (shape === 'pilot'
  ? { nat: 'one', interfaceEndpoints: [], isProtected: false, ledgerInstances: 1, secretRecoveryDays: 7 }
  : { nat: 'per-zone', interfaceEndpoints: storage === 'managed' ? FARGATE_ENDPOINTS : HOST_ENDPOINTS, isProtected: true, ledgerInstances: 2, secretRecoveryDays: 30 });

/** What the rule pack finds of a pilot with good reason. */
export const PILOT_EXCEPTIONS = {
  balancer: { rules: ['TM-ELB-05'], reason: 'A pilot is taken down as a whole, and its load balancer with it.' },
  disk: { rules: ['TM-EBS-04'], reason: 'A pilot is taken down as a whole; its disk has daily snapshots until then.' },
  ledger: { rules: ['TM-RDS-04', 'TM-RDS-10', 'TM-RDS-11'], reason: 'A pilot is taken down as a whole, and goes without for as long as Aurora takes to start a server anew.' },
} as const;
