/** Sizes of edge nodes, by where they stand: what can be had there differs. */
import type { EdgeHostKind, Size } from '../../platform/index.ts';
import type { HostSize } from '../stateful-host/props.ts';

/** Figures of machines with 2, 8 and 32 GiB. */
const IN_REGION: Readonly<Record<Size, HostSize>> = {
  small: { instanceType: 't3.small', dataGib: 20, memoryMib: 1_280 },
  medium: { instanceType: 'm6i.large', dataGib: 100, memoryMib: 6_144 },
  large: { instanceType: 'm6i.2xlarge', dataGib: 500, memoryMib: 27_648 },
};

/** The types that nearly every Local Zone has; 4, 16 and 64 GiB. */
const IN_LOCAL_ZONE: Readonly<Record<Size, HostSize>> = {
  small: { instanceType: 't3.medium', dataGib: 20, memoryMib: 2_560 },
  medium: { instanceType: 't3.xlarge', dataGib: 100, memoryMib: 13_312 },
  large: { instanceType: 'r5.2xlarge', dataGib: 500, memoryMib: 57_344 },
};

/**
 * Machines that are commonly to be had in such a place; which types a certain zone or Outpost has, AWS lists. The disk holds the
 * site's log, which only grows.
 */
export const EDGE_SIZES: Readonly<Record<Exclude<EdgeHostKind, 'on-premises'>, Readonly<Record<Size, HostSize>>>> = {
  region: IN_REGION,
  'local-zone': IN_LOCAL_ZONE,
  // t3.medium, t3.xlarge and r5.2xlarge are what Wavelength Zones have (AWS Wavelength Developer Guide, quotas and considerations).
  wavelength: IN_LOCAL_ZONE,
  // Whatever was ordered; m5 is what most Outposts racks are made of.
  outpost: {
    small: { instanceType: 'm5.large', dataGib: 20, memoryMib: 6_144 },
    medium: { instanceType: 'm5.xlarge', dataGib: 100, memoryMib: 13_312 },
    large: { instanceType: 'm5.2xlarge', dataGib: 500, memoryMib: 27_648 },
  },
};

/** On a machine of one's own: what the container may take. MiB */
export const ON_PREMISES_MEMORY_MIB: Readonly<Record<Size, number>> = { small: 1_280, medium: 6_144, large: 27_648 };

export const EDGE_DEFAULTS = { size: 'small' } as const;

/** TCP port of the region's load balancer. */
export const REGION_PORT = 443;

/** Where AWS has the script that makes a machine an external instance (Amazon ECS Developer Guide, "Registering an external instance"). */
export const INSTALL_SCRIPT = 'https://amazon-ecs-agent.s3.amazonaws.com/ecs-anywhere-install-latest.sh';
