/** The way in to settlements: search, and the latest outcomes. */
import { pathOf } from '../../pages.ts';
import { useAsked } from '../client.tsx';
import { time } from '../format.ts';
import { useMoney } from '../money.tsx';
import { Await, Note } from '../parts/states.tsx';
import { Table } from '../parts/table.tsx';
import { Link } from '../router.tsx';
import { readOutcomes, readStatus } from '../shapes.ts';
import { Search } from './settlement.tsx';

/** Entries of the log that are looked through for the latest outcomes. */
const LOOK_BACK = 50;

export function RecentPage() {
  const money = useMoney();
  const status = useAsked('/v1/status', readStatus, 3_000);
  const size = status.data?.counts['witnessedSize'] ?? 0;
  const after = size > LOOK_BACK ? `&after=${size - LOOK_BACK - 1}` : '';
  const outcomes = useAsked(status.data === null ? null : `/v1/outcomes?limit=${LOOK_BACK}${after}`, readOutcomes, 3_000);
  return (
    <>
      <Search />
      <section class="panel" aria-labelledby="latest">
        <h2 id="latest">Latest outcomes</h2>
        <Await asked={status.failure !== null && outcomes.data === null ? { ...outcomes, failure: status.failure } : outcomes} what="outcomes">{(list) => (list.length === 0
          ? <Note title="No settlement has an outcome yet">The first ones appear here as soon as a quorum of regions has witnessed them.</Note>
          : (
            <Table
              caption={`Outcomes among the last ${LOOK_BACK} entries of the global log, newest first`} rows={list.toReversed()} rowKey={(s) => String(s.globalIndex)} name="outcomes" columns={[
                { name: 'Settlement', show: (s) => <Link to={pathOf('settlement', s.id)} className="mono">{s.id}</Link>, value: (s) => s.id },
                { name: 'State', show: (s) => <span class={`tag ${s.state === 'final' ? 'good' : 'bad'}`}>{s.state}</span>, value: (s) => s.state },
                { name: 'Amount', number: true, csvName: 'amount (minor units)', show: (s) => money(s.amount, s.asset), value: (s) => s.amount },
                { name: 'Asset', show: (s) => s.asset, value: (s) => s.asset },
                { name: 'Site', show: (s) => <Link to={pathOf('site', s.node)}>{s.node}</Link>, value: (s) => s.node },
                { name: 'Entry', number: true, show: (s) => String(s.globalIndex), value: (s) => s.globalIndex },
                { name: 'Written', show: (s) => time(s.finalAt), value: (s) => (s.finalAt === null ? '' : new Date(s.finalAt).toISOString()) },
              ]}
            />
          ))}
        </Await>
      </section>
    </>
  );
}
