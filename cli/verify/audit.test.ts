/** An audit export that holds is found to; whatever is changed in one is found, with the file that it is in. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { hash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditStage, deltaOf, NOON, type AuditStage } from '../../services/control-plane/testing-audit.ts';
import { TAR_END, tarEntries, tarFile } from '../../services/shell/ustar.ts';
import { AUDIT_SUMS_MAX, auditLine, createAuditTally, emptySums, openAuditManifest, readAuditLine, signAuditManifest, signDelta } from '../../services/telemetry/index.ts';
import { detect, verifyPaths } from './index.ts';
import type { Report } from './report.ts';

const HOUR = 3_600_000;
const FROM = NOON - HOUR;
const folder = mkdtempSync(join(tmpdir(), 'tidemark-audit-'));
let s: AuditStage;
let tar: Buffer;
beforeAll(async () => {
  s = await auditStage();
  await s.tell([
    { node: 'r0-n0', seq: 1, to: FROM + 5_000, events: 5 }, { node: 'r0-n0', seq: 2, to: FROM + 10_000, events: 10, good: 9 }, { node: 'r0-n0', seq: 4, to: FROM + 15_000, events: 7 },
    { node: 'r1-n1', seq: 1, to: FROM + 5_000, events: 3 },
  ]);
  await s.write([FROM - 1, FROM, FROM + 1, NOON]);
  ({ body: tar } = await s.export(`from=${FROM}&to=${NOON}`));
});
afterAll(async () => {
  await s.close();
  rmSync(folder, { recursive: true, force: true });
});

function check(bytes: Buffer, trust: string | null = s.trustText): Report {
  const file = join(folder, 'export.tar');
  writeFileSync(file, bytes);
  expect(detect(file)).toBe('audit');
  return verifyPaths([file], trust === null ? {} : { trust })[0]!.report;
}
type Files = [path: string, body: Buffer][];
const filesOf = (bytes: Buffer): Files => [...tarEntries((offset, length) => bytes.subarray(offset, offset + length), AUDIT_SUMS_MAX)].map((e) => [e.path, e.body]);
const archive = (files: Files): Buffer => Buffer.concat([...files.map(([path, body]) => tarFile(path, body)), TAR_END]);
const bodyOf = (files: Files, path: string): string => files.find(([p]) => p === path)![1].toString('utf8');
const DELTAS = 'audit/deltas/r0-n0/000001.ndjson';

/** The files with changes, and SHA256SUMS and manifest made anew by the control plane itself: one that lies. */
async function resigned(edit: (files: Files) => Files, manifestEdit: (m: ReturnType<typeof openAuditManifest>) => ReturnType<typeof openAuditManifest> = (m) => m): Promise<Buffer> {
  const files = edit(filesOf(tar)).filter(([path]) => path !== 'audit/SHA256SUMS' && path !== 'audit/manifest.note');
  const sums = files.map(([path, body]) => `${hash('sha256', body)}  ${path}\n`).join('');
  const manifest = openAuditManifest(bodyOf(filesOf(tar), 'audit/manifest.note'), s.platform.trust.global);
  const note = await signAuditManifest({ ...manifestEdit(manifest), sums: hash('sha256', sums) }, s.platform.global.signer);
  return archive([...files, ['audit/SHA256SUMS', Buffer.from(sums)], ['audit/manifest.note', Buffer.from(note)]]);
}
const edited = (path: string, edit: (text: string) => string) => (files: Files): Files => files.map(([p, body]) => [p, p === path ? Buffer.from(edit(body.toString('utf8'))) : body]);

test('holds, under the reader\'s keys and under those in the export', () => {
  const report = check(tar);
  expect(report.failures).toEqual([]);
  expect(report).toMatchObject({
    kind: 'audit', ok: true, trust: 'given',
    checked: { 'manifest signed by the global log': 1, 'files compared with SHA256SUMS': 7, 'deltas with their node\'s signature': 4, 'SLAs recomputed from deltas': 7, 'consistency proofs of the log': 2 },
  });
  expect(report.notes).toContainEqual(expect.stringMatching(/^1 deltas of the range had not arrived/));
  expect(report.notes).toContainEqual(expect.stringMatching(/^entries 1 to 3 of the global log/));
  expect(check(tar, null)).toMatchObject({ ok: true, trust: 'own' });
});

describe('somebody on the way', () => {
  test('changes any byte', () => {
    for (let at = 700; at < tar.length - 1024; at += 331) {
      const changed = Buffer.from(tar);
      changed[at]! ^= 1;
      expect(check(changed).ok, String(at)).toBe(false);
    }
  });

  test('cuts it off, or leaves a file out', () => {
    expect(check(tar.subarray(0, tar.length - 1024)).failures[0]!.what).toMatch(/was cut off/);
    for (const [path] of filesOf(tar).slice(1)) expect(check(archive(filesOf(tar).filter(([p]) => p !== path))).ok, path).toBe(false);
  });

  test('adds a file, repeats one, or moves one', () => {
    const files = filesOf(tar);
    expect(check(archive([...files.slice(0, 4), ['audit/../evil', Buffer.from('x')], ...files.slice(4)])).failures[0]!.what).toMatch(/is no part of an audit export/);
    expect(check(archive([...files, files.at(-1)!])).failures[0]!.what).toMatch(/is there twice/);
    expect(check(archive([files[0]!, files[2]!, files[1]!, ...files.slice(3)])).failures[0]!.what).toMatch(/was altered or moved/);
  });

  test('puts other keys in, which do not count', async () => {
    const other = { ...s.platform.trustFile, witnessQuorum: 2 };
    const report = check(await resigned(edited('audit/trust.json', () => JSON.stringify(other))));
    expect(report.ok).toBe(true);
    expect(report.notes).toContainEqual(expect.stringMatching(/is not the one that was given/));
    expect(check(tar, JSON.stringify({ ...s.platform.trustFile, global: s.platform.regions[0]!.logSigner.vkey })).ok).toBe(false);
  });
});

describe('a control plane that signs something else', () => {
  const lineOf = (text: string, i: number): string => text.split('\n')[i]!;
  test.each<[string, (files: Files) => Files, RegExp]>([
    ['a delta changed', edited(DELTAS, (t) => t.replace('queued', 'queueD')), /signature|verif/i],
    ['a delta left out', edited(DELTAS, (t) => t.slice(t.indexOf('\n') + 1)), /events of r0-n0 is|deltas is 2/],
    ['a delta twice', edited(DELTAS, (t) => `${lineOf(t, 0)}\n${t}`), /not in order of time and number/],
    ['deltas in another order', edited(DELTAS, (t) => `${[lineOf(t, 1), lineOf(t, 0), lineOf(t, 2)].join('\n')}\n`), /not in order of time and number/],
    ['another time of receipt', edited(DELTAS, (t) => t.replace(/"receivedAt":\d+/, '"receivedAt":5')), /which is not in the range/],
    ['another node\'s delta', edited(DELTAS, (t) => t + lineOf(bodyOf(filesOf(tar), 'audit/deltas/r1-n1/000001.ndjson'), 0) + '\n'), /r1-n1|not signed|no valid/i],
    ['better figures', edited('audit/sla.json', (t) => t.replace('"goodEvents": 24', '"goodEvents": 25')), /good events is 24 by the deltas, it says 25/],
    ['a better attainment', edited('audit/sla.json', (t) => t.replace('"attainment": 0.96', '"attainment": 0.99')), /attainment is 0\.96 by the deltas, it says 0\.99/],
    ['a node left out of an SLA', edited('audit/sla.json', (t) => {
      const report = JSON.parse(t) as { slas: { scope: string }[] };
      return JSON.stringify({ ...report, slas: report.slas.filter((r) => r.scope !== 'site:r0-n0') });
    }), /r0-n0 has counted events, and is in none of its rows/],
    ['a good node counted twice', edited('audit/sla.json', (t) => {
      const report = JSON.parse(t) as { slas: { scope: string; events: number; goodEvents: number; attainment: number; byNode: { node: string; events: number; goodEvents: number }[] }[] };
      for (const row of report.slas.filter((r) => r.scope === 'global')) {
        const good = row.byNode.find((n) => n.node === 'r1-n1')!;
        row.byNode.push(good);
        row.events += good.events;
        row.goodEvents += good.goodEvents;
        row.attainment = row.goodEvents / row.events;
      }
      return JSON.stringify(report);
    }), /global: r0-n0, r1-n1 counted events, it has r0-n0, r1-n1, r1-n1/],
    ['a bad node put where nobody looks', edited('audit/sla.json', (t) => {
      const report = JSON.parse(t) as { slas: { sla: string; scope: string; events: number; goodEvents: number; badEvents: number; attainment: number; byNode: { node: string; events: number; goodEvents: number }[] }[] };
      const rows = report.slas.flatMap((row) => (row.scope !== 'global' ? [row] : row.byNode.map((n) => ({
        ...row, scope: n.node === 'r0-n0' ? 'elsewhere' : 'global', events: n.events, goodEvents: n.goodEvents, badEvents: n.events - n.goodEvents, attainment: n.goodEvents / n.events, byNode: [n],
      }))));
      return JSON.stringify({ ...report, slas: rows });
    }), /elsewhere: no node counted events|global: r0-n0, r1-n1 counted events, it has r1-n1/],
    ['a row twice', edited('audit/sla.json', (t) => {
      const report = JSON.parse(t) as { slas: unknown[] };
      return JSON.stringify({ ...report, slas: [...report.slas, report.slas[0]] });
    }), /is there twice/],
    ...['null', '[]', '{"slas":[null]}', '{"__proto__":{"slas":[]}}', '['.repeat(100_000)].map((text): [string, (files: Files) => Files, RegExp] =>
      [`${text.slice(0, 30)} as figures`, edited('audit/sla.json', () => text), /^audit\/sla\.json: /m]),
    ['a name that a terminal obeys', edited('audit/sla.json', (t) => t.replace('"final-global"', '"\\u001b[2J"')), /^audit\/sla\.json: [\x20-\x7e]*$/],
    ['figures without nodes', edited('audit/sla.json', (t) => JSON.stringify({ ...JSON.parse(t) as object, slas: [{ sla: 'x', scope: 'global' }] })), /expected an SLA's figures/],
    ['another part of the log', edited('audit/log.json', (t) => t.replace('"end": 3', '"end": 2')), /consistency|root/],
    ['a checkpoint that nobody has cosigned', edited('audit/checkpoint.txt', (t) => `${t.split('\n').slice(0, 5).join('\n')}\n`), /witnessed by 0 regions/],
  ])('%s', async (_what, edit, message) => {
    const report = check(await resigned(edit));
    expect(report.ok).toBe(false);
    expect(report.failures.map((f) => `${f.file}: ${f.what}`).join('\n')).toMatch(message);
  });

  test('fewer nodes, another scope, another platform, counts that are not so', async () => {
    const same = (files: Files): Files => files;
    expect(check(await resigned(same, (m) => ({ ...m, scope: 'region:r0' }))).failures[0]!.what).toMatch(/region:r0 has the nodes r0-n0, r0-n1, the manifest/);
    expect(check(await resigned(same, (m) => ({ ...m, origin: 'other.example' }))).failures[0]!.what).toMatch(/is of other\.example/);
    expect(check(await resigned(same, (m) => ({ ...m, nodes: { ...m.nodes, 'r0-n0': { ...m.nodes['r0-n0']!, missing: 0 } } }))).failures[0]!.what).toMatch(/missing is 1 by the deltas, the manifest says 0/);
    expect(check(await resigned(same, (m) => ({ ...m, to: NOON - 60_000 }))).ok).toBe(false);
  });

  test('a delta that a node of another region has signed', async () => {
    const [r0, r1] = s.platform.regions;
    const note = await signDelta(deltaOf({ node: 'r0-n0', seq: 9, to: FROM + 20_000 }, r0!.id), r1!.nodes.get('r1-n0')!.signer);
    const report = check(await resigned(edited(DELTAS, (t) => t + auditLine({ note, receivedAt: FROM + 20_000 }))));
    expect(report.failures[0]).toMatchObject({ file: DELTAS, entry: 3 });
  });
});

test('figures of all regions can\'t be told by the deltas of one', async () => {
  const { body } = await s.export(`from=${FROM}&to=${NOON}&scope=region:r0`);
  const whole = tar;
  tar = body;
  try {
    expect(check(body).notes).toContainEqual(expect.stringMatching(/^nodes counted events for SLAs that audit\/sla\.json says nothing of/));
    const report = check(await resigned(edited('audit/sla.json', (t) => t.replace('"scope": "region:r0",\n      "indicator"', '"scope": "global",\n      "indicator"'))));
    expect(report.failures.map((f) => f.what).join()).toMatch(/is about more than region:r0/);
  } finally {
    tar = whole;
  }
});

test('SLAs that a node makes up are in no figure, and fill no memory', () => {
  const tally = createAuditTally({ from: FROM, to: NOON }, new Set(['final']));
  for (let seq = 1; seq <= 50; seq += 1) {
    const slas = new Map<string, { events: number; good: number }>([...Array.from({ length: 20 }, (_, i) => [`x${seq}-${i}`, { events: 1, good: 1 }] as const), ['final', { events: 2, good: 1 }] as const]);
    tally.add({ ...deltaOf({ node: 'r0-n0', seq, to: FROM + seq * 1_000 }, 'r0'), sums: { ...emptySums(), slas } }, FROM + seq * 1_000);
  }
  expect([...tally.slas.keys()]).toEqual(['final']);
  expect(tally.slas.get('final')!.get('r0-n0')).toEqual({ events: 100, good: 50 });
  expect(tally.others.size).toBe(100);
});

test('lines are in one form only', () => {
  const line = bodyOf(filesOf(tar), DELTAS).split('\n')[0]!;
  expect(auditLine(readAuditLine(line))).toBe(`${line}\n`);
  for (const wrong of ['', '{}', `${line} `, line.replace('{"note"', '{ "note"'), line.replace('"receivedAt":', '"receivedAt":-'), `${line.slice(0, -1)},"more":1}`]) {
    expect(() => readAuditLine(wrong), wrong.slice(0, 40)).toThrow();
  }
});

/** Files in a folder of their own, as tar would unpack them. @returns the folder that `audit` is in */
function unpacked(files: Files): string {
  const into = mkdtempSync(join(folder, 'unpacked-'));
  for (const [path, body] of files) {
    mkdirSync(dirname(join(into, path)), { recursive: true });
    writeFileSync(join(into, path), body);
  }
  return into;
}
const checkFolder = (path: string, trust: string | null = s.trustText): Report => {
  expect(detect(path)).toBe('audit');
  return verifyPaths([path], trust === null ? {} : { trust })[0]!.report;
};

describe('an export that was unpacked', () => {
  test('holds as the archive does, by its own folder, under another name, and by the folder around it', () => {
    const of = ({ checked, notes, failures, trust }: Report): object => ({ checked, notes, failures, trust });
    const into = unpacked(filesOf(tar));
    for (const path of [into, join(into, 'audit')]) expect(of(checkFolder(path))).toEqual(of(check(tar)));
    renameSync(join(into, 'audit'), join(into, 'november'));
    expect(of(checkFolder(join(into, 'november'), null))).toEqual(of(check(tar, null)));
  });

  test('whatever is changed in a file, missing or more than was signed is found', () => {
    const files = filesOf(tar);
    for (const [path] of files) {
      const less = checkFolder(join(unpacked(files.filter(([p]) => p !== path)), 'audit'));
      expect(less.failures.map((f) => `${f.file}: ${f.what}`).join('\n'), path).toContain(`${path}: is missing`);
      const changed = unpacked(files.map(([p, body]) => [p, p === path ? Buffer.concat([body, Buffer.from('\n')]) : body]));
      expect(checkFolder(join(changed, 'audit')).ok, path).toBe(false);
    }
    const what = (more: [path: string, body: Buffer]): string => checkFolder(join(unpacked([...files, more]), 'audit')).failures[0]!.what;
    expect(what(['audit/notes.txt', Buffer.from('x')])).toMatch(/audit\/notes\.txt: is no part of an audit export/);
    expect(what(['audit/\u001b[2J', Buffer.from('x')])).toBe('"audit/\\u001b[2J": is no part of an audit export');
    expect(what(['audit/deltas/r0-n0/000002.ndjson', files[4]![1]])).toMatch(/000002\.ndjson: is not listed in audit\/SHA256SUMS/);
  });

  test('what is no plain file is not opened', () => {
    const into = unpacked(filesOf(tar));
    rmSync(join(into, 'audit/README.txt'));
    symlinkSync('/dev/zero', join(into, 'audit/README.txt'));
    expect(checkFolder(into).failures[0]!.what).toMatch(/README\.txt: is no plain file/);
  });

  test('is never taken for the other export, however little of it is left', () => {
    const files = filesOf(tar);
    for (const left of [1, 3, files.length - 1]) {
      const into = unpacked(files.slice(left));
      expect(detect(join(into, 'audit'))).toBe('audit');
      expect(checkFolder(join(into, 'audit')).failures[0]!.what).not.toContain('manifest.json');
    }
    const both = unpacked(files);
    writeFileSync(join(both, 'audit/manifest.json'), '{}');
    expect(() => detect(join(both, 'audit'))).toThrow(/holds files of an audit export and of `tidemark export`: unpack/);
  });
});

describe('an archive that another program has written', () => {
  const written = (name: string, bytes: Buffer): string => {
    const file = join(folder, name);
    writeFileSync(file, bytes);
    return file;
  };

  test('is known for what it is, and its reader is told what to do', () => {
    const into = unpacked(filesOf(tar));
    const repacked = join(folder, 'repacked.tar');
    execFileSync('tar', ['-cf', repacked, 'audit'], { cwd: into });
    expect(() => detect(repacked)).toThrow(`${repacked}: holds an audit export that another program has packed again; its files can be checked where they are unpacked: `
      + `mkdir unpacked && tar -xf '${repacked}' -C unpacked && tidemark verify unpacked/audit`);
    execFileSync('tar', ['-cf', repacked, '--format=pax', './audit'], { cwd: into });
    expect(() => detect(repacked)).toThrow(/packed again/);
    // That advice is good.
    const again = mkdtempSync(join(folder, 'again-'));
    execFileSync('tar', ['-xf', repacked, '-C', again]);
    expect(checkFolder(join(again, 'audit')).ok).toBe(true);
    for (const bytes of [tar, archive(filesOf(tar).slice(1))]) {
      expect(() => detect(written('export.tar.gz', gzipSync(bytes)))).toThrow(/holds an audit export, compressed by gzip.*: mkdir unpacked && tar -xzf '.*' -C unpacked && tidemark verify unpacked\/audit$/);
    }
    expect(() => detect(written('cut.tar.gz', gzipSync(tar).subarray(0, 900)))).toThrow(/holds an audit export, compressed/);
    expect(() => detect(written("it's.tar.gz", gzipSync(tar)))).toThrow(`it'\\''s.tar.gz' -C`);
  });

  test('of something else is not called an audit export', () => {
    const other = archive([['music/a.txt', Buffer.from('x')]]);
    expect(() => detect(written('other.tar', other))).toThrow(/is a tar archive whose first file is "music\/a\.txt", not an audit export$/);
    for (const bytes of [gzipSync(other), gzipSync('text'), gzipSync(Buffer.alloc(200_000_000)), Buffer.from([0x1f, 0x8b, 8, 0, 1])]) {
      expect(() => detect(written('other.gz', bytes))).toThrow(/is compressed by gzip; decompress it first$/);
    }
    for (const magic of ['28b52ffd', 'fd377a585a00', '425a6839']) {
      expect(() => detect(written('other.x', Buffer.concat([Buffer.from(magic, 'hex'), tar])))).toThrow(/is compressed by (?:zstd|xz|bzip2); decompress it first$/);
    }
  });
});

test('a delta dropped, with SHA256SUMS made to fit and all packed again as we do: the manifest\'s signature does not cover it', async () => {
  const dropped = edited(DELTAS, (t) => t.slice(t.indexOf('\n') + 1))(filesOf(tar));
  const listed = dropped.filter(([path]) => path !== 'audit/SHA256SUMS' && path !== 'audit/manifest.note');
  const sums = listed.map(([path, body]) => `${hash('sha256', body)}  ${path}\n`).join('');
  const forged = edited('audit/SHA256SUMS', () => sums)(dropped);
  const refused = /^audit\/SHA256SUMS: its SHA-256 is [0-9a-f]{64}, the signed manifest says [0-9a-f]{64}$/;
  for (const trust of [s.trustText, null]) {
    expect(check(archive(forged), trust).failures.map((f) => f.what)).toEqual([expect.stringMatching(refused)]);
    expect(checkFolder(unpacked(forged), trust).failures.map((f) => f.what)).toEqual([expect.stringMatching(refused)]);
  }
  // With a manifest made to fit, too, it is the key that is not the platform's.
  const manifest = openAuditManifest(bodyOf(filesOf(tar), 'audit/manifest.note'), s.platform.trust.global);
  const note = await signAuditManifest({ ...manifest, sums: hash('sha256', sums) }, s.platform.regions[0]!.logSigner);
  const again = edited('audit/manifest.note', () => note)(forged);
  expect(check(archive(again)).failures[0]!.what).toMatch(/signature|signed/);
  expect(checkFolder(unpacked(again)).failures[0]!.what).toMatch(/signature|signed/);
});
