/** The way to the control plane, and when it was last heard of. */
import { Problem } from '../protocol/index.ts';
import { startLoop, UnreachableError, type Answer, type Call, type HttpClient, type Loop } from '../shell/index.ts';

/** Without other traffic the centre is asked this often, so that its silence is noticed; milliseconds. */
const HEARTBEAT_MS = 500;
const HEARTBEAT_TIMEOUT_MS = 2_000;

export interface Centre {
  /** Any answer; every answer that is not a server's failure counts as word from the centre. @throws UnreachableError */
  call(http: HttpClient, path: string, call?: Call): Promise<Answer>;
  /** Time since the centre was last heard of, milliseconds; null before the first time. */
  ageMs(): number | null;
  /** What the centre has of this region's log, as far as this replica knows. */
  applied(): number | null;
  /** Size of the last region checkpoint that the centre knows. */
  knownSize(): number | null;
  learn(applied: number, size: number): void;
  /** Asks the centre for both. @throws Problem, UnreachableError */
  ask(): Promise<void>;
  onLearned(listener: () => void): void;
  stop(): Promise<void>;
}

export interface CentreOptions {
  readonly url: string;
  readonly region: string;
  readonly http: HttpClient;
  /** Monotonic milliseconds. */
  readonly elapsed: () => number;
}

const isNat = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;

export function startCentre(o: CentreOptions): Centre {
  let heardAt: number | null = null;
  let state: { applied: number; size: number } | null = null;
  const listeners: (() => void)[] = [];

  async function call(http: HttpClient, path: string, c?: Call): Promise<Answer> {
    const answer = await http.call(o.url + path, c);
    if (answer.status < 500) heardAt = o.elapsed();
    return answer;
  }

  function learn(applied: number, size: number): void {
    if (!isNat(applied) || !isNat(size) || applied > size) {
      throw new UnreachableError(
        `${o.url}: says it has applied ${String(applied)} entries under a checkpoint of size ${String(size)}`,
      );
    }
    if (state !== null && state.applied === applied && state.size === size) return;
    state = { applied, size };
    for (const listener of listeners) listener();
  }

  async function ask(signal?: AbortSignal): Promise<void> {
    const path = `/v1/regions/${o.region}`;
    const answer = await call(o.http, path, { timeoutMs: HEARTBEAT_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) });
    if (answer.status !== 200) {
      throw new Problem(
        answer.status, 'centre-refused', `GET ${path}: ${answer.status} ${answer.body.toString('utf8').slice(0, 300)}`,
      );
    }
    let body: { applied: number; size: number };
    try {
      body = JSON.parse(answer.body.toString('utf8')) as { applied: number; size: number };
    } catch (error) {
      throw new UnreachableError(`${o.url}${path}: answered something else than JSON`, { cause: error });
    }
    learn(body.applied, body.size);
  }

  const heartbeat: Loop = startLoop(async (signal) => {
    const quiet = heardAt === null ? Infinity : o.elapsed() - heardAt;
    if (quiet < HEARTBEAT_MS) return HEARTBEAT_MS - quiet;
    await ask(signal);
    return HEARTBEAT_MS;
  }, () => HEARTBEAT_MS);

  return {
    call,
    ageMs: () => (heardAt === null ? null : Math.max(0, Math.round(o.elapsed() - heardAt))),
    applied: () => state?.applied ?? null,
    knownSize: () => state?.size ?? null,
    learn,
    ask,
    onLearned: (listener) => void listeners.push(listener),
    stop: () => heartbeat.stop(),
  };
}
