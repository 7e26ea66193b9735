/** What an SLA judges minute by minute: the worst that was seen in each, told when the minute is over. */
import type { Indicator } from '../../../platform/indicators.ts';

export type MinuteIndicator = Extract<Indicator, 'provisional-age' | 'provisional-ratio' | 'peering-loss'>;

export interface Minutes {
  readonly see: (indicator: 'provisional-age', value: number) => void;
  /**
   * So many settlements are provisional now. Of these, the ones that were accepted before the present minute count: what is merely on its way is
   * no share of anything, least of all in the first minute of an hour.
   */
  readonly stillProvisional: (count: number) => void;
  /** A settlement was accepted. */
  readonly accepted: (count: number) => void;
  /** Accepted within the last hour, the present minute included. */
  readonly lastHour: () => number;
  readonly probe: (lost: boolean) => void;
  readonly tick: (time: number) => void;
}

const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;

/** @param onMinute a minute is over, of which something was seen */
export function createMinutes(onMinute: (indicator: MinuteIndicator, worst: number) => void): Minutes {
  let minute: number | null = null;
  let worst = new Map<MinuteIndicator, number>();
  let [sent, lost] = [0, 0];
  const hour = new Array<number>(HOUR_MINUTES).fill(0);
  let lastHour = 0;
  let slot = 0;
  /** Accepted before the present minute and provisional when it was looked at last; null: nobody looked. */
  let still: number | null = null;
  const see = (indicator: MinuteIndicator, value: number): void => void worst.set(indicator, Math.max(worst.get(indicator) ?? 0, value));
  return {
    see,
    stillProvisional(count) {
      // Settlements are ordered in the order in which they were accepted: those of this minute are the last.
      still = Math.max(0, count - hour[slot]!);
    },
    accepted(count) {
      hour[slot]! += count;
      lastHour += count;
    },
    lastHour: () => lastHour,
    probe(isLost) {
      sent += 1;
      if (isLost) lost += 1;
    },
    tick(time) {
      const now = Math.floor(time / MINUTE_MS);
      minute ??= now;
      if (now <= minute) return;
      if (sent > 0) see('peering-loss', lost / sent);
      if (still !== null) see('provisional-ratio', still === 0 ? 0 : Math.min(1, still / Math.max(still, lastHour - hour[slot]!)));
      for (const [indicator, value] of worst) onMinute(indicator, value);
      worst = new Map();
      [sent, lost, still] = [0, 0, null];
      for (let i = Math.min(now - minute, HOUR_MINUTES); i > 0; i -= 1) {
        slot = (slot + 1) % HOUR_MINUTES;
        lastHour -= hour[slot]!;
        hour[slot] = 0;
      }
      minute = now;
    },
  };
}
