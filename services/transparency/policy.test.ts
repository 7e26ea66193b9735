import { describe, expect, it } from 'vitest';
import {
  addSignatures, cosign, formatPolicy, generateSigner, hashLeaf, NoteError, openWitnessed, parsePolicy, quorumHolds,
  signCheckpoint,
} from './index.ts';
import { testSeed } from './testing.ts';

const log = generateSigner('example.com/log', 'ed25519', testSeed(1)).signer;
const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'];
const witnesses = new Map(names.map((name, i) =>
  [name, generateSigner(`example.com/${name}`, 'cosignature/v1', testSeed(10 + i)).signer]));
const witnessLine = (name: string): string => `witness ${name} ${witnesses.get(name)!.vkey}`;

// C2SP tlog-policy, section "Example policy", with keys.
const EXAMPLE = `log ${log.vkey}

${['X1', 'X2', 'X3'].map(witnessLine).join('\n')}
group X-witnesses 2 X1 X2 X3

${['Y1', 'Y2', 'Y3'].map(witnessLine).join('\n')}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;
const head = { origin: 'example.com/log', size: 3, root: hashLeaf(Buffer.from('x')) };

async function note(...by: string[]): Promise<string> {
  let signed = await signCheckpoint(head, log);
  for (const name of by) signed = addSignatures(signed, await cosign(signed, witnesses.get(name)!, 1_790_000_000));
  return signed;
}

describe('trust policies (C2SP tlog-policy)', () => {
  it("reads the specification's example, and writes it back", () => {
    const policy = parsePolicy(EXAMPLE);
    expect(policy.logs.map((l) => l.verifier.name)).toEqual(['example.com/log']);
    expect(policy.witnesses.map((w) => w.name)).toEqual(names);
    expect(policy.groups).toEqual([
      { name: 'X-witnesses', threshold: 2, members: ['X1', 'X2', 'X3'] },
      { name: 'Y-witnesses', threshold: 1, members: ['Y1', 'Y2', 'Y3'] },
      { name: 'X-and-Y', threshold: 2, members: ['X-witnesses', 'Y-witnesses'] },
    ]);
    const written = formatPolicy(policy);
    expect(formatPolicy(parsePolicy(written))).toBe(written);
    expect(parsePolicy(Buffer.from(written)).groups).toEqual(policy.groups);
  });

  it('holds for exactly the sets of witnesses that the example allows', () => {
    const policy = parsePolicy(EXAMPLE);
    for (let set = 0; set < 64; set += 1) {
      const by = names.filter((_, i) => (set >> i) & 1);
      const expected = by.filter((n) => n.startsWith('X')).length >= 2 && by.some((n) => n.startsWith('Y'));
      expect(quorumHolds(policy, by), by.join(' ')).toBe(expected);
    }
  });

  it('opens a checkpoint when its quorum has cosigned it', async () => {
    const policy = parsePolicy(EXAMPLE);
    expect(openWitnessed(await note('X1', 'X3', 'Y2'), policy)).toMatchObject({
      ...head, witnesses: ['X1', 'X3', 'Y2'], cosigners: ['example.com/X1', 'example.com/X3', 'example.com/Y2'],
    });
    for (const by of [[], ['X1', 'X2', 'X3'], ['X1', 'Y1', 'Y2', 'Y3']]) {
      const signed = await note(...by);
      expect(() => openWitnessed(signed, policy), by.join(' ')).toThrow(expect.objectContaining({ code: 'no-quorum' }));
    }
    expect(openWitnessed(await note(), parsePolicy(`log ${log.vkey}\nquorum none\n`)).witnesses).toEqual([]);
    expect(openWitnessed(await note('X1'), parsePolicy(`log ${log.vkey}\n${witnessLine('X1')}\nquorum X1\n`)).witnesses)
      .toEqual(['X1']);
  });

  it('knows its logs, also with an old and a new key', async () => {
    const signed = await note();
    expect(() => openWitnessed(signed, parsePolicy('quorum none\n'))).toThrow(expect.objectContaining({ code: 'wrong-origin' }));
    const newer = generateSigner('example.com/log', 'ed25519', testSeed(2)).signer;
    const both = parsePolicy(`log ${newer.vkey}\nlog ${log.vkey}\nquorum none\n`);
    expect(openWitnessed(signed, both).size).toBe(3);
    expect(openWitnessed(await signCheckpoint(head, newer), both).size).toBe(3);
    const stranger = generateSigner('example.com/log', 'ed25519', testSeed(3)).signer;
    const forged = await signCheckpoint(head, stranger);
    expect(() => openWitnessed(forged, both)).toThrow(expect.objectContaining({ code: 'unsigned' }));
  });

  it('takes comments, tabs, spaces, URLs, and any order of logs and witnesses', () => {
    const text =
      ` \t# a comment\n\n\t${witnessLine('X1')}\thttps://w.example.com/ \n`
      + `  log  ${log.vkey} https://log.example.com\n#x\ngroup g\tall  X1\nquorum g`;
    const policy = parsePolicy(text);
    expect(policy.witnesses[0]?.url).toBe('https://w.example.com/');
    expect(policy.logs[0]?.url).toBe('https://log.example.com');
    expect(parsePolicy(formatPolicy(policy))).toMatchObject({ quorum: 'g', groups: policy.groups });
    const kelvin = `${witnessLine('X1').replace('X1', '\u212a')}\n${witnessLine('X2').replace('X2', 'K')}\nquorum K\n`;
    expect(parsePolicy(kelvin).witnesses).toHaveLength(2);
  });

  const X1 = witnessLine('X1');
  it.each<[string, string | Uint8Array, RegExp]>([
    ['no quorum', X1, /^policy: no quorum line/],
    ['two quorums', 'quorum none\nquorum none\n', /line 2: a second quorum/],
    ['a quorum that is not defined', 'quorum x\n', /line 1: "x" is not a witness or group/],
    ['a quorum before its definition', `quorum X1\n${X1}\n`, /line 1/],
    ['a group before its members', `group g any X1\n${X1}\nquorum g\n`, /line 1: "X1" is not/],
    ['a group of itself', `${X1}\ngroup g any g\nquorum g\n`, /line 2: "g" is not/],
    ['a group without members', 'group g any\nquorum g\n', /line 1: expected: group/],
    ['none as a member', `${X1}\ngroup g any none\nquorum g\n`, /"none" is not/],
    ['none as a name', X1.replace('X1', 'none'), /the name none is taken/],
    ['a name twice', `${X1}\n${witnessLine('X2').replace('X2', 'X1')}\nquorum none\n`, /line 2: "X1" is defined twice/],
    ['a member twice', `${X1}\ngroup g any X1 X1\nquorum g\n`, /a member of a group already/],
    ['a member of two groups', `${X1}\ngroup g any X1\ngroup h any X1\nquorum g\n`, /line 3: "X1" is a member/],
    ['a threshold of 0', `${X1}\ngroup g 0 X1\nquorum g\n`, /threshold "0": expected all, any or 1..1/],
    ['a threshold too high', `${X1}\ngroup g 2 X1\nquorum g\n`, /threshold "2"/],
    ['a threshold with a zero in front', `${X1}\ngroup g 01 X1\nquorum g\n`, /threshold "01"/],
    ['a key twice', `${X1}\n${X1.replace('witness X1', 'witness X9')}\nquorum none\n`, /listed twice/],
    ['a log twice', `log ${log.vkey}\nlog ${log.vkey}\nquorum none\n`, /line 2: the public key of "example.com\/log" is/],
    ['a log key as witness', `witness w ${log.vkey}\nquorum none\n`, /kind ed25519, expected cosignature/],
    ['a witness key as log', `log ${witnesses.get('X1')!.vkey}\nquorum none\n`, /kind cosignature\/v1, expected ed25519/],
    ['a broken key', 'log nonsense\nquorum none\n', /line 1: verifier key "nonsense"/],
    ['an unknown keyword', 'logs x\n', /line 1: "logs": expected log/],
    ['too many words', 'quorum none none\n', /expected: quorum/],
    ['CRLF', 'quorum none\r\n', /line 1: a control character/],
    ['a NUL', 'quorum none\n#\u0000\n', /line 2: a control character/],
    ['invalid UTF-8', Buffer.from([0x23, 0xff]), /not valid UTF-8/],
    ['something huge', `#${'x'.repeat(300_000)}\nquorum none\n`, /at most/],
  ])('refuses %s', (_what, text, message) => {
    expect(() => parsePolicy(text)).toThrow(NoteError);
    expect(() => parsePolicy(text)).toThrow(message);
  });

  it('is not written when it could not be read back', () => {
    const policy = parsePolicy(EXAMPLE);
    expect(() => formatPolicy({ ...policy, quorum: 'two words' })).toThrow(NoteError);
    expect(() => formatPolicy({ ...policy, groups: [] })).toThrow(NoteError);
  });
});
