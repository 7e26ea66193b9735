import { expect, test } from 'vitest';
import type { IncidentView } from '../services/protocol/client.ts';
import { renderIncidents } from './commands/incidents.ts';

const incident = (more: Partial<IncidentView>): IncidentView => ({
  id: 'inc-1', kind: 'burn-rate', state: 'open', sla: 'final', scope: 'global', severity: 'page', owner: 'settlement', runbook: 'runbooks/finality.ts',
  openedAt: Date.UTC(2026, 10, 21, 12), closedAt: null, closedBy: null, note: null, summary: 'final, global: the error budget goes too fast.', deliveries: [], ...more,
});

test('incidents as a table, the open ones with what to do', () => {
  const text = renderIncidents([
    incident({ deliveries: [{ webhook: 'a', event: 'opened', state: 'delivered', attempts: 1 }, { webhook: 'b', event: 'opened', state: 'waiting', attempts: 3 }] }),
    incident({ id: 'inc-0', kind: 'fork', state: 'closed', sla: null, owner: null, closedAt: Date.UTC(2026, 10, 21, 13), closedBy: 'operator' }),
  ], false);
  expect(text.split('\n')).toEqual([
    'OPENED                CLOSED                          SEVERITY  WHAT       SLA    SCOPE   OWNER       WEBHOOKS           ID',
    '2026-11-21 12:00:00Z  open                            page      burn-rate  final  global  settlement  1 told, 1 waiting  inc-1',
    '2026-11-21 12:00:00Z  2026-11-21 13:00:00Z (by hand)  page      fork       -      global  -                              inc-0',
    '',
    'inc-1: final, global: the error budget goes too fast. What to do: runbooks/finality.ts',
  ]);
  expect([renderIncidents([], true), renderIncidents([], false)]).toEqual(['no incident is open', 'no incidents']);
  // In a narrow terminal the columns that can be done without go first.
  expect(renderIncidents([incident({})], true, 80).split('\n')[0]).not.toContain('WEBHOOKS');
});
