/**
 * Looks at every SLA instance and says what changed: a breach that began, grew worse or ended. Of a healthy platform only short windows
 * are read; between readings others have their turn.
 */
import { hash } from 'node:crypto';
import type { Counted, Sla } from '../../../platform/index.ts';
import { floorTo, type Share } from '../../telemetry/index.ts';
import { BREACHES, burningAlerts, exhaustedAlerts, step, watchOf, type Alert, type Breach, type Finding, type News, type OpenBreach, type Step } from '../core/incidents.ts';
import { breathe } from '../telemetry/figures.ts';
import { SILENT_MS } from '../telemetry/live.ts';
import { countsReader, sharesOf, sinceOf, slaStatus, total, windowOf, type Instance } from '../telemetry/sla.ts';
import type { TelemetryStore } from '../telemetry/store.ts';
import { toldOf, type Telling } from './events.ts';
import { SITES_SHOWN, type Incident, type KnownOfSla } from './model.ts';
import type { Change, IncidentStore, OpenIncident } from './store.ts';
import { exhaustedSince, summaryOf } from './words.ts';

const MINUTE_MS = 60_000;
/** The budget of a whole window is dear to read, and moves slowly while no alert is on. */
const BUDGET_EVERY_MS = 5 * 60_000;
/** Instances looked at before others have their turn. */
const INSTANCES_STEP = 200;
/** Instances whose figures are put together at once. */
const FIGURES_STEP = 50;

export interface EvaluatorOptions {
  readonly telemetry: Pick<TelemetryStore, 'slaCounts' | 'countedSince' | 'heardSince' | 'progress'>;
  readonly incidents: IncidentStore;
  readonly instances: readonly Instance[];
  readonly telling: Telling;
  readonly now: () => number;
}

export interface Evaluator {
  /**
   * What it finds is stored when this resolves.
   * @returns for how long others had to wait for it, milliseconds
   */
  evaluate(): Promise<number>;
}

/** Something that is to be stored, for which figures are needed first. */
interface Turn {
  readonly instance: Instance;
  readonly breach: Breach;
  readonly kind: 'opened' | 'updated' | 'closed';
  /** Of an update: what changed. */
  readonly news: readonly News[];
  readonly state: OpenBreach | null;
  readonly incident: Incident | null;
  readonly sites: readonly SiteCount[];
}

interface SiteCount {
  readonly site: string;
  readonly events: number;
  readonly badEvents: number;
}

const keyOf = (kind: string, sla: string | null, scope: string): string => `${kind} ${sla ?? ''} ${scope}`;

/** The same for the same incident, whoever works it out; nobody can guess it who doesn't know all of these. */
export const incidentId = (...parts: readonly (string | number)[]): string => `inc-${hash('sha256', JSON.stringify(parts)).slice(0, 24)}`;

/** Sites with bad events, most first. */
const worstOf = (nodes: readonly string[], counts: ReadonlyMap<string, Share>): SiteCount[] => nodes.flatMap((site): SiteCount[] => {
  const share = counts.get(site);
  return share === undefined || share.good === share.events ? [] : [{ site, events: share.events, badEvents: share.events - share.good }];
}).sort((a, b) => b.badEvents - a.badEvents);

export function createEvaluator({ telemetry, incidents, instances, telling, now }: EvaluatorOptions): Evaluator {
  const bySla = Map.groupBy(instances, ({ sla }) => sla);
  const watches = new Map([...bySla.keys()].map((sla) => [sla, watchOf(sla)]));
  let budgetDue = 0;

  async function evaluate(): Promise<number> {
    let busyMs = 0;
    let since = performance.now();
    const giveWay = async (): Promise<void> => {
      busyMs += performance.now() - since;
      await breathe();
      since = performance.now();
    };
    const at = now();
    const open = new Map(incidents.open().map((o) => [keyOf(o.incident.kind, o.incident.sla, o.incident.scope), o]));
    const heard = telemetry.heardSince(at - SILENT_MS);
    const looksAtBudgets = at >= budgetDue;
    const changes: Change[] = [];
    for (const [sla, its] of bySla) {
      const turns: Turn[] = [];
      const count = countsReader(telemetry, sla.id);
      const watch = watches.get(sla)!;
      for (const { short } of watch.rates) {
        count(windowOf(short.minutes, at));
        await giveWay();
      }
      for (const [i, instance] of its.entries()) {
        if (i % INSTANCES_STEP === INSTANCES_STEP - 1) await giveWay();
        const over = (minutes: number): ReadonlyMap<string, Share> => count(windowOf(minutes, at));
        const sinceMinutes = sinceOf(telemetry, instance, at);
        const closedAt = incidents.closedByHand(sla.id, instance.scope);
        // An operator has looked into all that was bad until then: nobody is called for it again. The minute of the closing is one of it.
        const forgiven = (minutes: number): number => {
          const { from, to } = windowOf(minutes, at);
          const until = closedAt === null ? from : Math.min(to, floorTo(closedAt, MINUTE_MS) + MINUTE_MS);
          if (until <= from) return 0;
          const { good, events } = total(sharesOf(count({ from, to: until }), instance.nodes));
          return events - good;
        };
        const counted = (minutes: number): Counted => {
          const { good, events } = total(sharesOf(over(minutes), instance.nodes));
          return { good: good === events ? good : good + forgiven(minutes), events, sinceMinutes };
        };
        const look = (breach: Breach, alerts: readonly Alert[], minutes: number, isExhausted?: boolean): Step['kind'] => {
          const known = open.get(keyOf(breach, sla.id, instance.scope));
          const before = known?.state ?? null;
          const sites = alerts.length === 0 ? [] : worstOf(instance.nodes, over(minutes));
          const finding: Finding = {
            at, alerts, sites: sites.map(({ site }) => site), isSilent: before?.sites.some((site) => !heard.has(site)) ?? false,
            ...(isExhausted === undefined ? {} : { isExhausted }),
          };
          const found = step(before, finding);
          if (found.kind === 'none') return found.kind;
          if (found.kind === 'held') changes.push({ kind: 'update', id: known!.incident.id, state: found.state });
          else {
            turns.push({
              instance, breach, kind: found.kind, news: found.kind === 'updated' ? found.news : [], state: found.kind === 'closed' ? before : found.state,
              incident: known?.incident ?? null, sites,
            });
          }
          return found.kind;
        };
        const burning = burningAlerts(watch, counted);
        const longest = Math.max(0, ...watch.rates.filter((rate) => burning.some(({ id }) => id === rate.id)).map((rate) => rate.long.minutes));
        // The present minute is one of them.
        const windowMinutes = sla.windowDays * 24 * 60 - 1;
        const looks = looksAtBudgets || burning.length > 0;
        const exhausted = looks ? exhaustedAlerts(sla, watch, counted(windowMinutes)) : [];
        const [burn, budget] = BREACHES.map((breach) => open.get(keyOf(breach, sla.id, instance.scope))) as [OpenIncident | undefined, OpenIncident | undefined];
        // A ticket that the budget is gone goes on as a fact of the incident that burns what is not there.
        const isExhausted = exhausted.length > 0 || (budget !== undefined && burning.length > 0);
        const found = look('burn-rate', burning, longest, isExhausted);
        const isBurning = found === 'opened' || (burn !== undefined && found !== 'closed');
        if (!isBurning && looks) look('budget-exhausted', exhausted, windowMinutes);
        if (isBurning && budget !== undefined) changes.push(merged(budget.incident, burn?.incident.id ?? idOf('burn-rate', instance, at), at));
      }
      for (let i = 0; i < turns.length; i += FIGURES_STEP) {
        changes.push(...changesOf(sla, turns.slice(i, i + FIGURES_STEP), at, heard));
        await giveWay();
      }
    }
    incidents.apply([...changes, ...abandoned(open.values(), at)], at);
    if (looksAtBudgets) budgetDue = at + BUDGET_EVERY_MS;
    return busyMs + performance.now() - since;
  }

  const idOf = (breach: Breach, { sla, scope }: Instance, at: number): string => incidentId(telling.origin, breach, sla.id, scope, at);

  function merged(incident: Incident, into: string, at: number): Change {
    const note = `goes on in ${into}`;
    return { kind: 'close', id: incident.id, at, by: 'merged', note, known: null, told: toldOf(telling, 'closed', { ...incident, closedAt: at, closedBy: 'merged', note }, at) };
  }

  function changesOf(sla: Sla, turns: readonly Turn[], at: number, heard: ReadonlySet<string>): Change[] {
    const figures = slaStatus(telemetry, turns.map(({ instance }) => instance), at);
    return turns.map((turn, i): Change => {
      const known = knownOf(turn, figures[i]!, at, heard);
      const { instance: { scope }, breach, state } = turn;
      if (turn.kind === 'opened') {
        const incident: Incident = {
          id: idOf(breach, turn.instance, at), kind: breach, sla: sla.id, indicator: sla.indicator, scope, severity: state!.severity,
          owner: sla.owner, runbook: sla.runbook, openedAt: at, closedAt: null, closedBy: null,
          budgetExhaustedAt: state!.exhaustedAt ?? null, note: null, summary: summaryOf(breach, sla, scope, known), known, knownAtClose: null,
        };
        return { kind: 'open', incident, state, told: toldOf(telling, 'opened', incident, at) };
      }
      const before = turn.incident!;
      if (turn.kind === 'updated') {
        const { severity, exhaustedAt: budgetExhaustedAt = null } = state!;
        const summary = turn.news.includes('budget') ? `${before.summary} ${exhaustedSince(at)}` : before.summary;
        const told = toldOf(telling, 'updated', { ...before, severity, budgetExhaustedAt, summary }, at, turn.news);
        return { kind: 'update', id: before.id, severity, budgetExhaustedAt, summary, state: state!, told };
      }
      const after: Incident = { ...before, closedAt: at, closedBy: 'recovery', knownAtClose: known };
      return { kind: 'close', id: before.id, at, by: 'recovery', note: null, known, told: toldOf(telling, 'closed', after, at) };
    });
  }

  function knownOf({ instance: { sla, nodes }, sites }: Turn, figures: Record<string, unknown>, at: number, heard: ReadonlySet<string>): KnownOfSla {
    const { objective, attainment, events, goodEvents, badEvents, budget, exhaustedInMs, intervals, alerts, nodes: reporting } = figures as {
      objective: number; attainment: number | null; events: number; goodEvents: number; badEvents: number; budget: { left: number };
      exhaustedInMs: number | null; intervals: unknown[]; alerts: unknown[]; nodes: number;
    };
    const silent = nodes.filter((node) => !heard.has(node));
    const missing = (node: string): number => {
      const progress = telemetry.progress(node);
      return progress === undefined ? 0 : progress.max - progress.stored;
    };
    return {
      at, windowDays: sla.windowDays, objective, attainment, events, goodEvents, badEvents, budgetLeft: budget.left, exhaustedInMs, intervals, alerts,
      sites: { expected: nodes.length, reporting, most: sites.slice(0, SITES_SHOWN), silent: silent.slice(0, SITES_SHOWN), silentCount: silent.length },
      missingDeltas: nodes.reduce((sum, node) => sum + missing(node), 0),
    };
  }

  /** Of SLAs or scopes that the definition has no more: nobody would ever find out that they recovered. */
  function abandoned(open: Iterable<{ readonly incident: Incident }>, at: number): Change[] {
    const watched = new Set(instances.flatMap(({ sla, scope }) => BREACHES.map((breach) => keyOf(breach, sla.id, scope))));
    return [...open].filter(({ incident: { kind, sla, scope } }) => sla !== null && !watched.has(keyOf(kind, sla, scope))).map(({ incident }): Change => {
      const note = 'the definition has this SLA no more';
      const after: Incident = { ...incident, closedAt: at, closedBy: 'operator', note };
      return { kind: 'close', id: incident.id, at, by: 'operator', note, known: null, told: toldOf(telling, 'closed', after, at) };
    });
  }

  return { evaluate };
}
