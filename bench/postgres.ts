/**
 * The peer: a PostgreSQL of its own in a folder of its own, with Debian's defaults. `fsync` and `synchronous_commit` are on;
 * clients come through its unix socket, which is its fastest way in.
 */
import { existsSync, mkdirSync, openSync, closeSync, readdirSync, readFileSync, writeFileSync, chownSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import pg from 'pg';
import { run, start, type Cleanup } from './cleanup.ts';

export interface Postgres {
  readonly version: string;
  /** Folder of the unix socket. */
  readonly socket: string;
  /**
   * Transfers a second: `clients` connections, each calling one function for each transfer, one after the other.
   * @param hot all transfers debit one account
   */
  transfers(clients: number, seconds: number, hot: boolean): Promise<number>;
  stop(): Promise<void>;
}

/** Folder with initdb, postgres and pgbench, or null. Debian keeps them out of PATH, one folder for each major version. */
export function findPostgres(): string | null {
  const debian = '/usr/lib/postgresql';
  const folders = [
    ...(existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)).map((v) => join(debian, v, 'bin')) : []),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  const programs = ['initdb', 'postgres', 'pgbench'];
  return folders.find((folder) => programs.every((program) => existsSync(join(folder, program)))) ?? null;
}

/** PostgreSQL refuses to run as root: then a user without rights of its own runs it. */
function unprivileged(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  if (user === undefined) {
    throw new Error('PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody to run it as');
  }
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

/** The number of accounts on either side of the comparison. */
export const ACCOUNTS = 2_000;

/** Rows are locked in the order of account numbers, so that no two transfers wait for each other for ever. */
const SCHEMA = `
CREATE TABLE account (id integer PRIMARY KEY, balance bigint NOT NULL, overdraft bigint NOT NULL);
CREATE TABLE transfer (id bigint PRIMARY KEY, debit integer NOT NULL, credit integer NOT NULL, amount bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now());
INSERT INTO account SELECT i, 0, 1000000000000000 FROM generate_series(1, ${ACCOUNTS}) i;
CREATE FUNCTION settle(p_id bigint, p_debit integer, p_credit integer, p_amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO transfer (id, debit, credit, amount) VALUES (p_id, p_debit, p_credit, p_amount);
  IF p_credit < p_debit THEN UPDATE account SET balance = balance + p_amount WHERE id = p_credit; END IF;
  UPDATE account SET balance = balance - p_amount WHERE id = p_debit AND balance + overdraft >= p_amount;
  IF NOT FOUND THEN RAISE EXCEPTION 'account % is not covered', p_debit; END IF;
  IF p_credit > p_debit THEN UPDATE account SET balance = balance + p_amount WHERE id = p_credit; END IF;
END $$;
CREATE FUNCTION settle_many(p_id bigint[], p_debit integer[], p_credit integer[], p_amount bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1 .. array_length(p_id, 1) LOOP
    PERFORM settle(p_id[i], p_debit[i], p_credit[i], p_amount[i]);
  END LOOP;
END $$;
CREATE TABLE note (id bigint PRIMARY KEY, debit text NOT NULL, credit text NOT NULL, amount bigint NOT NULL);
`;

/** A debit account from the lower half, a credit account from the upper: never the same. */
const script = (hot: boolean): string => `\\set id random(1, 9000000000000000000)
\\set debit ${hot ? '1' : `random(1, ${ACCOUNTS / 2})`}
\\set credit random(${ACCOUNTS / 2 + 1}, ${ACCOUNTS})
SELECT settle(:id, :debit, :credit, 100);
`;

const START_TIMEOUT_MS = 30_000;

/** @throws Error saying what PostgreSQL said */
export async function startPostgres(bin: string, parent: string, cleanup: Cleanup): Promise<Postgres> {
  const root = cleanup.folder(parent, 'tidemark-bench-pg-');
  const user = unprivileged();
  const own = (path: string): void => {
    if (user !== null) chownSync(path, user.uid, user.gid);
  };
  const data = join(root, 'data');
  mkdirSync(data, { mode: 0o700 });
  own(root);
  own(data);
  const identity = { ...user, cwd: root, env: { PATH: process.env['PATH'], LC_ALL: 'C' } };
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--locale=C'], identity);

  const log = join(root, 'log');
  const file = openSync(log, 'a');
  const server = await start(join(bin, 'postgres'), ['-D', data, '-k', root, '-c', 'listen_addresses='], {
    ...identity, stdio: ['ignore', file, file],
  }).finally(() => closeSync(file));
  const stop = (): Promise<void> => server.stop('SIGINT');
  cleanup.add(stop);

  const client = await connect(root, () => {
    const { exitCode } = server.child;
    if (exitCode !== null) throw new Error(`postgres ended with ${exitCode}: ${readFileSync(log, 'utf8').slice(-2_000)}`);
  });
  const setting = async (name: string): Promise<string> => String((await client.query(`SHOW ${name}`)).rows[0][name]);
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    if (await setting(name) !== 'on') throw new Error(`PostgreSQL: ${name} is off, the comparison would not be fair`);
  }
  const version = (await setting('server_version')).split(' ')[0]!;
  await client.query(SCHEMA);
  await client.query('ANALYZE account');
  await client.end();
  for (const hot of [true, false]) writeFileSync(join(root, `${hot}.sql`), script(hot));

  return {
    version, socket: root,
    async transfers(clients, seconds, hot) {
      const said = await run(join(bin, 'pgbench'), [
        '-n', '-h', root, '-U', 'bench', '-M', 'prepared', '-c', String(clients), '-j', String(Math.min(2, clients)),
        '-T', String(seconds), '-f', join(root, `${hot}.sql`), 'postgres',
      ], { cwd: root });
      const rate = /^tps = ([0-9.]+) \(without initial connection time\)/m.exec(said)?.[1];
      if (rate === undefined || !/number of failed transactions: 0 /.test(said)) {
        throw new Error(`pgbench: expected a rate and no failures, got:\n${said}`);
      }
      return Number(rate);
    },
    stop,
  };
}

async function connect(socket: string, check: () => void): Promise<pg.Client> {
  const until = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    check();
    const client = connectTo(socket);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (performance.now() > until) throw new Error(`PostgreSQL does not answer: ${(error as Error).message}`, { cause: error });
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
    }
  }
}

export const connectTo = (socket: string): pg.Client =>
  new pg.Client({ host: socket, port: 5432, user: 'bench', database: 'postgres' });
