/**
 * Partitions as a node sees them, and how long it takes to reconcile each: from the first contact until everything that was decided
 * before it has its outcome. Time comes in as an argument.
 */

export interface Partitions {
  /** @param logSize entries decided so far @param finalSize entries with an outcome */
  readonly observe: (connected: boolean, time: number, logSize: number, finalSize: number) => void;
}

interface Reconciling {
  readonly contactAt: number;
  /** Log size at the first contact. */
  readonly upTo: number;
}

/** Partitions that are being reconciled at once; beyond, the newest counts as part of the one before. */
const RECONCILING_MAX = 64;

/** @param onReconciled how long it took, milliseconds */
export function createPartitions(isCutOff: boolean, onContact: (contactAt: number) => void, onReconciled: (ms: number, contactAt: number) => void): Partitions {
  let cutOff = isCutOff;
  const reconciling: Reconciling[] = [];
  return {
    observe(connected, time, logSize, finalSize) {
      if (cutOff && connected) {
        const last = reconciling.at(-1);
        if (reconciling.length >= RECONCILING_MAX && last !== undefined) {
          reconciling[reconciling.length - 1] = { contactAt: last.contactAt, upTo: logSize };
        } else {
          reconciling.push({ contactAt: time, upTo: logSize });
          onContact(time);
        }
      }
      cutOff = !connected;
      while (reconciling.length > 0 && reconciling[0]!.upTo <= finalSize) {
        const { contactAt } = reconciling.shift()!;
        onReconciled(Math.max(0, time - contactAt), contactAt);
      }
    },
  };
}
