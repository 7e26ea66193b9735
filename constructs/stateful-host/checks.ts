/** What can be wrong with the wishes for a host; all of it is said at once. */
import type { ContainerDefinition, Mistakes } from '../common/index.ts';
import { cloudConfig } from './boot.ts';
import { DATA_GIB, DATA_UID, isNitro, RETENTION_DAYS } from './defaults.ts';
import type { StatefulHostProps } from './props.ts';

export const NAME = /^[a-z](?:[a-z0-9-]{0,46}[a-z0-9])?$/;
export const NAME_EXPECTED = 'a lower-case letter, then letters, digits and hyphens, at most 48, no hyphen at the end';
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const DIGEST = /@sha256:[0-9a-f]{64}$/;
/** Amazon EC2 User Guide, "Run commands when you launch an EC2 instance with user data input". */
const USER_DATA_BYTES_MAX = 16 * 1024;

export function checkHost(m: Mistakes, props: StatefulHostProps): void {
  const { zone, awsRegion, instanceType, place = 'region', outpostArn } = props;
  m.text('name', props.name, NAME, NAME_EXPECTED);
  m.range('dataGib', props.dataGib, DATA_GIB.least, DATA_GIB.most, 'GiB');
  m.text('privateIp', props.privateIp, IPV4, 'an IPv4 address');
  if (m.known(zone) && m.known(awsRegion) && !zone.startsWith(awsRegion)) m.add(`zone: ${zone} is not in ${awsRegion}; subnet, disk and log have to be in one AWS region`);
  if (m.known(instanceType) && !isNitro(instanceType)) m.add(`instanceType: ${instanceType} is not of the Nitro system, where a disk is found by its id; take m6i, c6i, t3 or newer`);
  if (place === 'outpost' && outpostArn === undefined) m.add('outpostArn: needed for a host on an Outpost');
  if (place !== 'outpost' && outpostArn !== undefined) m.add(`outpostArn: only for a host on an Outpost, and this one's place is ${place}`);
  checkRetention(m, props.logRetentionDays);
  if (props.snapshots !== undefined && props.snapshots !== false) {
    m.text('snapshots.at', props.snapshots.at, /^(?:[01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as 03:30');
    m.range('snapshots.keep', props.snapshots.keep, 1, 1_000, 'snapshots');
  }
  if (props.patching !== undefined && props.patching !== false) {
    m.text('patching.schedule', props.patching.schedule, /^(?:cron|rate)\(.+\)$/, 'cron(...) or rate(...)');
    m.oneOf('patching.operation', props.patching.operation, ['Install', 'Scan']);
  }
  checkFiles(m, props);
}

export function checkRetention(m: Mistakes, days: number | undefined): void {
  if (days !== undefined && !RETENTION_DAYS.includes(days)) m.add(`logRetentionDays: CloudWatch knows ${RETENTION_DAYS.join(', ')}; got ${days}`);
}

function checkFiles(m: Mistakes, { name, files = [], dataUid = DATA_UID }: StatefulHostProps): void {
  const seen = new Set<string>();
  for (const [i, { path }] of files.entries()) {
    if (!/^[\w.-]+(?:\/[\w.-]+)*$/.test(path) || path.split('/').includes('..')) m.add(`files[${i}].path: expected a relative path such as nats.conf, got ${JSON.stringify(path)}`);
    if (seen.has(path)) m.add(`files[${i}].path: ${path} is there twice`);
    seen.add(path);
  }
  const bytes = Buffer.byteLength(cloudConfig({ name, clusterName: name, volumeSerial: 'vol00000000000000000', dataUid, files }));
  if (bytes > USER_DATA_BYTES_MAX) m.add(`files: with them the user data has ${bytes} bytes, and EC2 takes ${USER_DATA_BYTES_MAX}; put less into files`);
}

export function checkContainers(m: Mistakes, containers: readonly ContainerDefinition[]): void {
  if (containers.length === 0) m.add('containers: none; a host is for at least one');
  if (containers.length > 0 && !containers.some((c) => c.essential)) m.add('containers: none of them is essential, so the task would have nothing to live for');
  const seen = new Set<string>();
  for (const container of containers) {
    const where = `containers.${container.name}`;
    if (seen.has(container.name)) m.add(`${where}: this name is there twice`);
    seen.add(container.name);
    if (container['memory'] === undefined && container['memoryReservation'] === undefined) {
      m.add(`${where}: needs memory or memoryReservation (MiB): on EC2 the task is placed by it`);
    }
    if (m.known(container.image) && !DIGEST.test(container.image)) m.add(`${where}.image: expected repository@sha256:<64 hex digits>, got ${container.image}; a tag can move`);
  }
}
