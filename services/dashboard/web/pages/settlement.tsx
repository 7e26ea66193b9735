/** One settlement: its whole way, and its proof verified here, in the browser. */
import { useEffect, useState } from 'preact/hooks';
import { hashLeaf, toBase64 } from '../../merkle.ts';
import { pathOf } from '../../pages.ts';
import { judgeReceipt, readReceipt, type Verdict } from '../../verify.ts';
import { AskError, askText, useAsked, type Asked } from '../client.tsx';
import { duration, time } from '../format.ts';
import { canVerify, KeysPanel, useKeys } from '../keys.tsx';
import { useMoney } from '../money.tsx';
import { Await, Loading, Note } from '../parts/states.tsx';
import { Download } from '../parts/table.tsx';
import { WitnessTable } from '../parts/witnesses.tsx';
import { go, Link } from '../router.tsx';
import { readProvenance, readSettlement, type Provenance, type Settlement } from '../shapes.ts';

export function Search({ id = '' }: { id?: string }) {
  const [value, setValue] = useState(id);
  useEffect(() => setValue(id), [id]);
  const submit = (event: Event): void => {
    event.preventDefault();
    if (value.trim() !== '') go(pathOf('settlement', value.trim()));
  };
  return (
    <form class="row" role="search" onSubmit={submit}>
      <label>Settlement id<input class="wide mono" name="id" value={value} onInput={(e) => setValue(e.currentTarget.value)} autocomplete="off" spellcheck={false} required /></label>
      <button class="main" type="submit">Find</button>
    </form>
  );
}

/** After so long what is on its way from a connected site has arrived many times over. */
const UNKNOWN_MS = 15_000;

/** Whether so long has passed since this was first shown. */
function useLater(ms: number): boolean {
  const [isLater, setLater] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLater(true), ms);
    return () => clearTimeout(timer);
  }, [ms]);
  return isLater;
}

export function SettlementPage({ id }: { id: string }) {
  const path = `/v1/settlements/${encodeURIComponent(id)}`;
  const [poll, setPoll] = useState(2_000);
  const settlement = useAsked(path, readSettlement, poll);
  // What is final or rejected does not change any more.
  const settled = settlement.data?.state === 'final' || settlement.data?.state === 'rejected';
  useEffect(() => setPoll(settled ? 0 : 2_000), [settled]);
  const provenance = useAsked(settled ? `${path}/provenance` : null, readProvenance);
  const askedLong = useLater(UNKNOWN_MS);
  const unknown = settlement.data === null && settlement.failure?.code === 'settlement-unknown';
  return (
    <>
      <Search id={id} />
      {unknown
        ? askedLong
          ? <Note title="The log knows no settlement of this id">It was looked for again and again since this page was opened. From a site that is connected one takes about a second, so check the id; from one that is cut off it comes when the site is healed, and then it shows here by itself.</Note>
          : <Note title="No outcome yet">The global log has no outcome for this id. It may be on its way from its edge node, or it was never sent. This page looks again every two seconds.</Note>
        : <Await asked={settlement} what="settlement">{(s) => (
          <>
            <Way settlement={s} />
            {settled ? <Proof settlement={s} provenance={provenance} /> : <Note title="Not final yet">Ordered by its region, and not under a witnessed checkpoint yet. The proof follows by itself.</Note>}
            {settled ? <Origin provenance={provenance} /> : null}
          </>
        )}</Await>}
      <KeysPanel />
    </>
  );
}

const TONE: Readonly<Record<string, string>> = { final: 'good', rejected: 'bad', ordered: 'warn' };

function Way({ settlement: s }: { settlement: Settlement }) {
  const money = useMoney();
  return (
    <div class="columns">
      <section class="panel" aria-labelledby="what">
        <h2 id="what">What was asked, and what became of it</h2>
        <dl>
          <dt>State</dt><dd><span class={`tag ${TONE[s.state] ?? 'warn'}`} data-testid="state">{s.state}</span>{s.reason === null ? null : <> because <span class="mono">{s.reason}</span></>}</dd>
          <dt>Amount</dt><dd>{money(s.amount, s.asset)}</dd>
          <dt>From</dt><dd class="mono">{s.debitAccount}{s.debitBalance === null ? null : <span class="range">balance after it: {money(s.debitBalance, s.asset)}</span>}</dd>
          {s.traceId === null ? null : <><dt>Trace</dt><dd class="mono" data-testid="trace">{s.traceId}</dd></>}
          <dt>To</dt><dd class="mono">{s.creditAccount}{s.creditBalance === null ? null : <span class="range">balance after it: {money(s.creditBalance, s.asset)}</span>}</dd>
        </dl>
      </section>
      <section class="panel" aria-labelledby="way">
        <h2 id="way">Its way</h2>
        <ol class="steps">
          <li class="ok"><strong>Decided</strong> at <Link to={pathOf('site', s.node)}>{s.node}</Link>, entry {s.index} of its log<At ms={s.decidedAt} /></li>
          <li class="ok"><strong>Ordered</strong> by region <Link to={pathOf('region', s.region)}>{s.region}</Link><At ms={s.orderedAt} since={s.decidedAt} /></li>
          <li class="ok"><strong>Written</strong> to the global log, entry {s.globalIndex}<At ms={s.finalAt} since={s.orderedAt} /></li>
          {s.state === 'ordered' ? <li><strong>Witnessed</strong>: not yet</li> : <li class="ok"><strong>Witnessed</strong>: {s.state}; when, by whom: below</li>}
        </ol>
        {s.decidedAt === null ? null : <p class="quiet">{s.finalAt === null ? null : <>From decision to the global log: <strong>{duration(s.finalAt - s.decidedAt)}</strong>. </>}Each time is by the clock of who took the step.</p>}
      </section>
    </div>
  );
}

/** When a step was taken, and how long after the one before. */
function At({ ms, since = null }: { ms: number | null; since?: number | null }) {
  if (ms === null) return null;
  return <span class="range">{time(ms)}{since === null ? null : <span class="step">{ms >= since ? '+' : '−'}{duration(Math.abs(ms - since))}</span>}</span>;
}

type ProofState = { readonly kind: 'working' } | { readonly kind: 'failed'; readonly detail: string }
  | { readonly kind: 'done'; readonly receipt: string; readonly verdict: Verdict; readonly leaf: string | null };

function Proof({ settlement, provenance }: { settlement: Settlement; provenance: Asked<Provenance> }) {
  const { trust, loading } = useKeys();
  const [state, setState] = useState<ProofState>({ kind: 'working' });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (trust === null) return undefined;
    const gone = new AbortController();
    const verify = async (): Promise<void> => {
      setState({ kind: 'working' });
      try {
        const receipt = await askText(`/v1/settlements/${encodeURIComponent(settlement.id)}/receipt`, gone.signal);
        const verdict = await judgeReceipt(receipt, settlement, trust);
        const leaf = verdict.ok ? toBase64(await hashLeaf(readReceipt(receipt).extra!)) : null;
        if (!gone.signal.aborted) setState({ kind: 'done', receipt, verdict, leaf });
      } catch (error) {
        if (!gone.signal.aborted) setState({ kind: 'failed', detail: error instanceof AskError ? error.failure.detail : String(error) });
      }
    };
    void verify();
    return () => gone.abort();
  }, [settlement.id, settlement.state, settlement.amount, trust, round]);
  const again = <button type="button" onClick={() => setRound((n) => n + 1)}>Verify again</button>;
  return (
    <section class="panel" aria-labelledby="proof">
      <h2 id="proof">Proof, verified in this browser</h2>
      {!canVerify() ? <Note title="Not verified">This browser can't verify here; see the keys below.</Note>
        : trust === null ? (loading ? <Loading what="keys" /> : <Note title="Not verified">There are no keys to verify with; see below.</Note>)
          : state.kind === 'working' ? <Loading what="receipt" />
            : state.kind === 'failed' ? <><Note title="No receipt" error>{state.detail}</Note><div class="actions">{again}</div></>
              : <Judged {...state} id={settlement.id} entryAgrees={agrees(state.leaf, provenance)} again={again} />}
    </section>
  );
}

/** Whether the provenance that is shown is of the proven entry; null while that is not known. */
const agrees = (leaf: string | null, { data }: Asked<Provenance>): boolean | null => (leaf === null || data === null ? null : data.leaf === leaf);

function Judged({ verdict, receipt, id, entryAgrees, again }: { verdict: Verdict; receipt: string; id: string; entryAgrees: boolean | null; again: preact.ComponentChildren }) {
  return (
    <>
      <p class={`verdict ${verdict.ok ? 'good' : 'bad'}`} role="status" data-testid="verdict">{verdict.ok ? 'The proof holds' : 'The proof does not hold: do not rely on this settlement'}</p>
      <ol class="steps">
        {verdict.steps.map((s) => (
          <li key={s.id} class={s.state}>
            <strong>{s.title}</strong>: {s.state === 'ok' ? 'yes' : s.state === 'failed' ? 'no' : 'not reached'}
            <span class="range mono">{s.detail}</span>
          </li>
        ))}
      </ol>
      {entryAgrees === false ? <Note title="The provenance below is of another entry" error>Its leaf hash is not that of the proven entry.</Note> : null}
      {verdict.witnessed === null ? null : <details><summary>Who witnessed the checkpoint, and when</summary><WitnessTable witnessed={verdict.witnessed} name={`witnesses-${id}`} /></details>}
      <details><summary>The receipt, as it was verified</summary><pre tabIndex={0}>{receipt}</pre></details>
      <div class="actions">{again}<Download name={`${id}.tlog-proof`} text={() => receipt}>Download receipt</Download></div>
    </>
  );
}

function Origin({ provenance }: { provenance: Asked<Provenance> }) {
  return (
    <section class="panel" aria-labelledby="provenance">
      <h2 id="provenance">Provenance</h2>
      <Await asked={provenance} what="provenance">{(p) => (
        <>
          <p>The entry of the global log, byte for byte. Its inputs and decision are entry {p.index} of the log of edge node <Link to={pathOf('site', p.node)}>{p.node}</Link>; <code>tidemark verify</code> takes that decision again.</p>
          <pre tabIndex={0}>{p.entry}</pre>
          <dl><dt>Leaf hash</dt><dd class="mono">{p.leaf}</dd></dl>
          <div class="actions"><Download name="entry.json" type="application/json" text={() => p.entry}>Download entry</Download></div>
        </>
      )}</Await>
    </section>
  );
}

