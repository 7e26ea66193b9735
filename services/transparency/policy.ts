/**
 * Trust policies: which logs, which witnesses, and how many of whom. C2SP tlog-policy (https://c2sp.org/tlog-policy),
 * sections "Policy file syntax and structure", "Defining the quorum" and "Defining a witness group". Policies have to be
 * UTF-8 here, which the specification recommends.
 */
import { openCosigned, type CosignedCheckpoint } from './checkpoint.ts';
import { NoteError, shown } from './errors.ts';
import { parseVerifier, type Verifier } from './keys.ts';
import { parseNote } from './note.ts';

export interface PolicyKey {
  readonly verifier: Verifier;
  readonly url?: string;
}

export interface PolicyWitness extends PolicyKey {
  /** What groups call it; no meaning outside of the policy. */
  readonly name: string;
}

export interface PolicyGroup {
  readonly name: string;
  /** How many of the members have to have witnessed; 1 .. members.length. */
  readonly threshold: number;
  /** Witnesses, and groups that stand before this one. */
  readonly members: readonly string[];
}

export interface WitnessPolicy {
  readonly logs: readonly PolicyKey[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: readonly PolicyGroup[];
  /** Name of a witness or a group, or `none`. */
  readonly quorum: string;
}

/** Bytes of a policy file. */
const POLICY_MAX = 256 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws NoteError naming the line that is wrong */
export function parsePolicy(file: string | Uint8Array): WitnessPolicy {
  let lineNumber = 0;
  const wrong = (why: string): NoteError =>
    new NoteError('malformed', `policy${lineNumber === 0 ? '' : `, line ${lineNumber}`}: ${why}`);
  if (file.length > POLICY_MAX) throw wrong(`${file.length} bytes, at most ${POLICY_MAX} are read`);
  let text: string;
  try {
    text = typeof file === 'string' ? file : utf8.decode(file);
  } catch {
    throw wrong('not valid UTF-8');
  }
  const logs: PolicyKey[] = [];
  const witnesses: PolicyWitness[] = [];
  const groups: PolicyGroup[] = [];
  /** Every name that is defined, and whether a group has it as a member already. */
  const names = new Map<string, { used: boolean }>();
  let quorum: string | undefined;

  const define = (name: string): void => {
    if (name === 'none') throw wrong('the name none is taken');
    if (names.has(name)) throw wrong(`${shown(name)} is defined twice`);
    names.set(name, { used: false });
  };
  const key = (vkey: string, kind: Verifier['kind'], others: readonly PolicyKey[], url: string | undefined): PolicyKey => {
    let verifier: Verifier;
    try {
      verifier = parseVerifier(vkey);
    } catch (error) {
      throw wrong((error as Error).message);
    }
    if (verifier.kind !== kind) throw wrong(`${shown(verifier.name)} is a key of kind ${verifier.kind}, expected ${kind}`);
    if (others.some((o) => o.verifier.publicKey.equals(verifier.publicKey))) {
      throw wrong(`the public key of ${shown(verifier.name)} is listed twice`);
    }
    return url === undefined ? { verifier } : { verifier, url };
  };
  const fields = (line: string[], least: number, most: number, form: string): void => {
    if (line.length < least || line.length > most) throw wrong(`expected: ${form}`);
  };

  for (const raw of text.split('\n')) {
    lineNumber += 1;
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(raw)) throw wrong('a control character other than tab and newline');
    const line = raw.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword, ...rest] = line;
    if (keyword === undefined || keyword.startsWith('#')) continue;
    if (keyword === 'log') {
      fields(line, 2, 3, 'log <vkey> [<url>]');
      logs.push(key(rest[0]!, 'ed25519', logs, rest[1]));
    } else if (keyword === 'witness') {
      fields(line, 3, 4, 'witness <name> <vkey> [<url>]');
      define(rest[0]!);
      witnesses.push({ name: rest[0]!, ...key(rest[1]!, 'cosignature/v1', witnesses, rest[2]) });
    } else if (keyword === 'group') {
      fields(line, 4, Infinity, 'group <name> all|any|<k> <name>...');
      const [name, rule, ...members] = rest as [string, string, ...string[]];
      for (const member of members) {
        const known = names.get(member);
        if (known === undefined) throw wrong(`${shown(member)} is not a witness or group of a line above`);
        if (known.used) throw wrong(`${shown(member)} is a member of a group already`);
        known.used = true;
      }
      define(name);
      const threshold = rule === 'all' ? members.length : rule === 'any' ? 1 : /^[1-9][0-9]{0,4}$/.test(rule) ? Number(rule) : 0;
      if (threshold < 1 || threshold > members.length) {
        throw wrong(`threshold ${shown(rule)}: expected all, any or 1..${members.length}`);
      }
      groups.push({ name, threshold, members });
    } else if (keyword === 'quorum') {
      fields(line, 2, 2, 'quorum <name>|none');
      if (quorum !== undefined) throw wrong('a second quorum');
      if (rest[0] !== 'none' && !names.has(rest[0]!)) throw wrong(`${shown(rest[0]!)} is not a witness or group of a line above`);
      quorum = rest[0]!;
    } else {
      throw wrong(`${shown(keyword)}: expected log, witness, group or quorum`);
    }
  }
  lineNumber = 0;
  if (quorum === undefined) throw wrong('no quorum line; "quorum none" asks for no cosignature');
  return { logs, witnesses, groups, quorum };
}

/** The policy as text, which reads back as the same policy. @throws NoteError when it could not be read back */
export function formatPolicy(policy: WitnessPolicy): string {
  const url = (k: PolicyKey): string => (k.url === undefined ? '' : ` ${k.url}`);
  const rule = (g: PolicyGroup): string =>
    (g.threshold === g.members.length ? 'all' : g.threshold === 1 ? 'any' : String(g.threshold));
  const text = [
    ...policy.logs.map((l) => `log ${l.verifier.vkey}${url(l)}`),
    ...policy.witnesses.map((w) => `witness ${w.name} ${w.verifier.vkey}${url(w)}`),
    ...policy.groups.map((g) => `group ${g.name} ${rule(g)} ${g.members.join(' ')}`),
    `quorum ${policy.quorum}`,
    '',
  ].join('\n');
  parsePolicy(text);
  return text;
}

/** Whether the quorum holds when these witnesses (by their names in the policy) have cosigned. */
export function quorumHolds(policy: WitnessPolicy, cosigned: Iterable<string>): boolean {
  if (policy.quorum === 'none') return true;
  const witnessed = new Set(cosigned);
  // Groups refer to what stands before them only, so one pass is enough.
  for (const group of policy.groups) {
    if (group.members.filter((m) => witnessed.has(m)).length >= group.threshold) witnessed.add(group.name);
  }
  return witnessed.has(policy.quorum);
}

export interface WitnessedCheckpoint extends CosignedCheckpoint {
  /** Names in the policy of the witnesses that cosigned it. */
  readonly witnesses: readonly string[];
}

/**
 * The checkpoint, when one of the policy's logs signed it and its quorum cosigned it.
 *
 * @throws NoteError `wrong-origin` when it is no log of the policy; `no-quorum`, and those of openCheckpoint
 */
export function openWitnessed(note: string | Uint8Array, policy: WitnessPolicy): WitnessedCheckpoint {
  const { text } = parseNote(note);
  const origin = text.slice(0, text.indexOf('\n'));
  const logs = policy.logs.filter((l) => l.verifier.name === origin).map((l) => l.verifier);
  if (logs.length === 0) throw new NoteError('wrong-origin', `checkpoint: ${shown(origin)} is not a log of the policy`);
  // A log that changes its key has two lines in the policy: either will do.
  const { signatures } = parseNote(note);
  const log = logs.find((v) => signatures.some((s) => s.name === v.name && s.hash === v.hash)) ?? logs[0]!;
  const { checkpoint, cosignatures } = openCosigned(note, log, policy.witnesses.map((w) => w.verifier));
  const witnesses = policy.witnesses.filter((w) =>
    cosignatures.some((s) => s.verifier.vkey === w.verifier.vkey)).map((w) => w.name);
  if (!quorumHolds(policy, witnesses)) {
    throw new NoteError('no-quorum', `checkpoint of ${shown(origin)} at ${checkpoint.size}: cosigned by ${
      witnesses.length === 0 ? 'no witness' : witnesses.join(', ')} of the policy, which is not its quorum ${policy.quorum}`);
  }
  return { ...checkpoint, cosigners: cosignatures.map((s) => s.name), witnesses };
}
