/**
 * What a machine does when it starts, as cloud-init reads it: waits for its data disk, formats it if nothing was ever written
 * to it, mounts it, and only then lets the ECS agent start tasks. JSON is YAML, so the cloud-config is data.
 */
import { HOST_ATTRIBUTE, PATHS } from './defaults.ts';
import type { HostFile } from './props.ts';

export interface BootProps {
  readonly name: string;
  readonly clusterName: string;
  /** Id of the volume without its hyphen, or a token of that. */
  readonly volumeSerial: string;
  readonly dataUid: number;
  readonly files: readonly HostFile[];
}

interface WrittenFile {
  readonly path: string;
  readonly content: string;
  readonly permissions: string;
  readonly append?: true;
}

/** The disk by the volume's own id: `/dev/sdf` and `nvme1n1` may be another one after a restart. `vol-0ab` is `vol0ab` there. */
export const devicePath = (volumeSerial: string): string => `/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${volumeSerial}`;

/**
 * Formats the disk only when nothing is on it, judged twice: no signature of any kind (blkid ends with 2), and its first
 * MiB is zeros as of a new volume. Anything else that is not the file system of before stops here, for a person to look at.
 */
export const FORMAT_SCRIPT = `#!/bin/bash
set -uo pipefail
device="$1"
until [ -e "$device" ]; do echo "waiting for $device"; sleep 2; done
kind=$(blkid -p -s TYPE -o value "$device")
found=$?
if [ "$found" -eq 0 ] && [ "$kind" = xfs ]; then exit 0; fi
if [ "$found" -eq 2 ] && cmp -s -n 1048576 "$device" /dev/zero; then
  echo "$device has never been written to: making a file system"
  exec mkfs.xfs -L tidemark "$device"
fi
echo "$device is neither empty nor xfs (blkid: $found \${kind:-nothing}); it is left as it is" >&2
exit 1
`;

/** A container has no business with the credentials of the machine; the agent, the SSM agent and cloud-init are root. */
const METADATA_RULE = '-d 169.254.169.254 -m owner --uid-owner 1000-4294967294 -j REJECT';

/** How the ECS agent behaves (Amazon ECS Developer Guide, "Amazon ECS container agent configuration"). */
export function agentConfig(name: string, clusterName?: string): string {
  return [
    ...(clusterName === undefined ? [] : [`ECS_CLUSTER=${clusterName}`]),
    `ECS_INSTANCE_ATTRIBUTES={"${HOST_ATTRIBUTE}":"${name}"}`,
    'ECS_ENABLE_TASK_IAM_ROLE=true',
    'ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST=true',
    'ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true',
    'ECS_DISABLE_PRIVILEGED=true',
    // Images are pinned by digest: one that is here is the right one, also when the registry cannot be reached.
    'ECS_IMAGE_PULL_BEHAVIOR=prefer-cached',
    // Longer than any service takes to stop.
    'ECS_CONTAINER_STOP_TIMEOUT=120s',
    '',
  ].join('\n');
}

const unit = (sections: Readonly<Record<string, readonly string[]>>): string =>
  Object.entries(sections).map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`).join('\n');

/**
 * In fstab, because only there the wait for a device can be given no end: a disk may be attached long after the start.
 * `nofail`: it is not one of the file systems that the system itself waits for.
 */
const mountLine = (device: string): string =>
  `${device} ${PATHS.mount} xfs noatime,nodev,nosuid,noexec,nofail,x-systemd.requires=tidemark-disk.service,x-systemd.device-timeout=0 0 0\n`;

/** systemd's name of the mount unit of a path. */
const mountUnit = `${PATHS.mount.slice(1).replaceAll('/', '-')}.mount`;

function units(device: string, dataUid: number): WrittenFile[] {
  const oneshot = ['Type=oneshot', 'RemainAfterExit=yes'];
  const files: Readonly<Record<string, string>> = {
    'tidemark-disk.service': unit({
      Unit: ['Description=Data disk is there and has a file system'],
      Service: [...oneshot, 'TimeoutStartSec=infinity', `ExecStart=/usr/local/sbin/tidemark-disk ${device}`],
    }),
    'tidemark-data.service': unit({
      Unit: ['Description=Data folder', `RequiresMountsFor=${PATHS.mount}`],
      Service: [
        ...oneshot,
        // The volume may have grown.
        `ExecStart=/usr/sbin/xfs_growfs ${PATHS.mount}`,
        `ExecStart=/usr/bin/install -d -m 0700 -o ${dataUid} -g ${dataUid} ${PATHS.data}`,
      ],
    }),
    'tidemark-metadata.service': unit({
      Unit: ['Description=Containers cannot ask the instance metadata service', 'After=network-pre.target', 'Before=docker.service'],
      Service: [...oneshot, `ExecStart=/bin/sh -c 'iptables -w -C OUTPUT ${METADATA_RULE} 2>/dev/null || iptables -w -I OUTPUT ${METADATA_RULE}'`],
    }),
    // Stopped before the disk goes.
    'docker.service.d/tidemark.conf': unit({ Unit: [`After=${mountUnit}`] }),
    'ecs.service.d/tidemark.conf': unit({
      Unit: ['Requires=tidemark-data.service tidemark-metadata.service', 'After=tidemark-data.service tidemark-metadata.service'],
      // Whatever order things are started in: no agent, so no task, without the disk.
      Service: [`ExecStartPre=/usr/bin/mountpoint -q ${PATHS.mount}`],
    }),
  };
  return Object.entries(files).map(([name, content]) => ({ path: `/etc/systemd/system/${name}`, content, permissions: '0644' }));
}

/** The user data. */
export function cloudConfig(props: BootProps): string {
  const { name, clusterName, volumeSerial, dataUid, files } = props;
  const device = devicePath(volumeSerial);
  const written: WrittenFile[] = [
    { path: '/etc/ecs/ecs.config', content: agentConfig(name, clusterName), permissions: '0644' },
    { path: '/usr/local/sbin/tidemark-disk', content: FORMAT_SCRIPT, permissions: '0755' },
    { path: '/etc/fstab', content: mountLine(device), permissions: '0644', append: true },
    ...units(device, dataUid),
    ...files.map(({ path, content }) => ({ path: `${PATHS.files}/${path}`, content, permissions: '0644' })),
  ];
  return `#cloud-config\n${JSON.stringify({
    write_files: written.map((file) => ({ ...file, owner: 'root:root' })),
    runcmd: [
      ['systemctl', 'daemon-reload'],
      ['systemctl', 'start', 'tidemark-metadata.service'],
      // Not waited for: the agent waits for it, and the SSM agent lets one look at a machine whose disk does not come.
      ['systemctl', 'start', '--no-block', 'tidemark-data.service'],
    ],
  }, null, 1)}\n`;
}

/** `${` and `%{` begin templates of Terraform in every text of the synthesized JSON; tokens are meant to. */
export const literal = (text: string): string => text.replace(/\$\{(?!TfToken\[)/g, '$$$${').replaceAll('%{', '%%{');
