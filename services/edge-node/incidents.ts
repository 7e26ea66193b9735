/** What went wrong at this node, for /v1/status and the log; and whether it has stopped for it. */
import type { ServiceStatus } from '../protocol/index.ts';
import type { Logger } from '../shell/index.ts';

const INCIDENTS_MAX = 100;

export interface Incidents {
  /** Tells people; the same thing again and again is told once. */
  readonly incident: (kind: string, detail: string) => void;
  /** The node must not go on, and a person must look. The first reason stays. */
  readonly halt: (kind: string, detail: string) => void;
  /** Why the node has stopped, or null. */
  readonly halted: () => string | null;
  /** The newest last. */
  readonly list: () => ServiceStatus['incidents'];
}

/** @param now milliseconds since 1970 */
export function createIncidents(logger: Logger, now: () => number): Incidents {
  const incidents: { at: number; kind: string; detail: string }[] = [];
  let halted: string | null = null;

  function incident(kind: string, detail: string): void {
    if (incidents.at(-1)?.kind === kind && incidents.at(-1)?.detail === detail) return;
    incidents.push({ at: Math.floor(now()), kind, detail });
    if (incidents.length > INCIDENTS_MAX) incidents.shift();
    logger.error({ kind, detail }, 'incident');
  }

  return {
    incident,
    halt(kind, detail) {
      halted ??= `${kind}: ${detail}`;
      incident(kind, detail);
    },
    halted: () => halted,
    list: () => incidents,
  };
}
