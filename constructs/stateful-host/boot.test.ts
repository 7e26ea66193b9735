/** What a machine is told to do when it starts, and the one script of it that could destroy something. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Fn } from 'cdktf';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentConfig, cloudConfig, FORMAT_SCRIPT, literal } from './boot.ts';

interface CloudConfig {
  readonly write_files: readonly { readonly path: string; readonly content: string; readonly permissions: string; readonly append?: boolean }[];
  readonly runcmd: readonly string[][];
}

const PROPS = { name: 'site', clusterName: 'site', volumeSerial: 'vol0abc', dataUid: 10_001, files: [{ path: 'nats.conf', content: 'token: $TOKEN' }] };

function read(text: string): CloudConfig {
  const [first, ...rest] = text.split('\n');
  expect(first).toBe('#cloud-config');
  return JSON.parse(rest.join('\n')) as CloudConfig;
}

describe('cloud-config', () => {
  const { write_files: files, runcmd } = read(cloudConfig(PROPS));
  const file = (path: string): string => files.find((f) => f.path === path)?.content ?? '';

  test('no agent, so no task, without the disk', () => {
    const dropIn = file('/etc/systemd/system/ecs.service.d/tidemark.conf');
    expect(dropIn).toContain('Requires=tidemark-data.service');
    expect(dropIn).toContain('ExecStartPre=/usr/bin/mountpoint -q /var/lib/tidemark');
    expect(file('/etc/systemd/system/tidemark-data.service')).toContain('RequiresMountsFor=/var/lib/tidemark\n');
    // Below the mount point, so that without the disk there is no folder that the service may write to.
    expect(file('/etc/systemd/system/tidemark-data.service')).toContain('-o 10001 -g 10001 /var/lib/tidemark/data');
  });

  test('the disk is found by its own id, and waited for without an end', () => {
    const fstab = files.find((f) => f.path === '/etc/fstab');
    expect(fstab?.append).toBe(true);
    const [device, mount, kind, options] = fstab?.content.trim().split(' ') ?? [];
    expect([device, mount, kind]).toEqual(['/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0abc', '/var/lib/tidemark', 'xfs']);
    expect(options?.split(',')).toEqual(expect.arrayContaining(['nofail', 'x-systemd.requires=tidemark-disk.service', 'x-systemd.device-timeout=0']));
  });

  test('systemd reads the units before they are started, and cloud-init waits for none that may take long', () => {
    expect(runcmd[0]).toEqual(['systemctl', 'daemon-reload']);
    expect(runcmd.find((command) => command.includes('tidemark-data.service'))).toContain('--no-block');
  });

  test('scripts can be run, everything else is text of root', () => {
    expect(files.filter((f) => f.permissions === '0755').map((f) => f.path)).toEqual(['/usr/local/sbin/tidemark-disk']);
    expect(file('/etc/tidemark/nats.conf')).toBe('token: $TOKEN');
  });

  test('containers cannot ask for the credentials of the machine', () => {
    expect(file('/etc/systemd/system/tidemark-metadata.service')).toMatch(/iptables -w -I OUTPUT -d 169\.254\.169\.254 .*--uid-owner 1000-4294967294 -j REJECT/);
  });
});

test('the agent knows its cluster in AWS; on a machine of one\'s own the install script tells it', () => {
  expect(agentConfig('a', 'c')).toContain('ECS_CLUSTER=c\n');
  expect(agentConfig('a')).not.toContain('ECS_CLUSTER');
  expect(agentConfig('a')).toContain('ECS_INSTANCE_ATTRIBUTES={"tidemark.host":"a"}\n');
});

test('text stays text in a template, and references stay references', () => {
  expect(literal('a ${b} %{c} $d')).toBe('a $${b} %%{c} $d');
  const token = Fn.upper('x');
  expect(literal(`${token} \${b}`)).toBe(`${token} $\${b}`);
});

describe('formatting', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tidemark-disk-'));
    mkdirSync(join(folder, 'bin'));
    // What would format only says so.
    program('mkfs.xfs', `echo "$@" >> ${join(folder, 'formatted')}`);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string, script: string): void {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'bin', name), 0o755);
  }
  /** @returns exit code, and what was formatted */
  function run(disk: Uint8Array | undefined): { readonly code: number | null; readonly formatted: boolean; readonly said: string } {
    const device = join(folder, 'disk');
    if (disk !== undefined) writeFileSync(device, disk);
    const script = join(folder, 'tidemark-disk');
    writeFileSync(script, FORMAT_SCRIPT);
    const { status, stdout, stderr } = spawnSync('bash', [script, device], {
      env: { PATH: [join(folder, 'bin'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'].join(delimiter) }, encoding: 'utf8', timeout: 20_000,
    });
    const formatted = existsSync(join(folder, 'formatted'));
    if (formatted) expect(readFileSync(join(folder, 'formatted'), 'utf8')).toBe(`-L tidemark ${device}\n`);
    if (disk !== undefined && !formatted) expect(readFileSync(device).equals(disk), 'the disk is as it was').toBe(true);
    return { code: status, formatted, said: stdout + stderr };
  }
  const blank = (): Buffer => Buffer.alloc(2 * 1024 * 1024);

  test('a disk that was never written to is formatted', () => {
    expect(run(blank())).toMatchObject({ code: 0, formatted: true });
  });

  test('a disk with the file system of before is left as it is', () => {
    program('blkid', 'echo xfs');
    expect(run(Buffer.from('XFSB'))).toMatchObject({ code: 0, formatted: false });
  });

  test('a disk that holds something else is left as it is, and said to a person', () => {
    const swap = blank();
    swap.write('SWAPSPACE2', 4_096 - 10, 'latin1');
    const table = blank();
    table.writeUInt16LE(0xaa55, 510);
    table[446 + 4] = 0x83;
    table.writeUInt32LE(2_048, 446 + 8);
    table.writeUInt32LE(1_024, 446 + 12);
    const scribbled = blank();
    scribbled.write('not zero', 500_000, 'latin1');
    for (const disk of [swap, table, scribbled]) {
      const outcome = run(disk);
      expect(outcome).toMatchObject({ code: 1, formatted: false });
      expect(outcome.said).toContain('it is left as it is');
    }
  });

  test('a disk that cannot be read is left as it is', () => {
    // blkid says the same of a disk without anything on it and of one that it cannot read.
    program('blkid', 'exit 2');
    program('cmp', 'exit 2');
    expect(run(blank())).toMatchObject({ code: 1, formatted: false });
    program('blkid', 'exit 8');
    expect(run(blank())).toMatchObject({ code: 1, formatted: false });
  });

  test('is valid for the shell', () => {
    const script = join(folder, 'script');
    writeFileSync(script, FORMAT_SCRIPT);
    execFileSync('bash', ['-n', script]);
  });
});
