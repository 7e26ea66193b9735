/** In a Wavelength Zone: an address on the carrier's network, and the way out to it. Nothing comes in from the internet by it. */
import { CarrierGateway } from '@pulumi/aws/ec2/carrierGateway.js';
import { Eip } from '@pulumi/aws/ec2/eip.js';
import { EipAssociation } from '@pulumi/aws/ec2/eipAssociation.js';
import type { Instance } from '@pulumi/aws/ec2/instance.js';
import { Route } from '@pulumi/aws/ec2/route.js';
import type * as pulumi from '@pulumi/pulumi';
import type { CloudPlace } from './args.ts';

export function carrierAccess(
  id: string, place: CloudPlace, carrier: NonNullable<CloudPlace['carrier']>, instance: Instance, tags: Readonly<Record<string, string>>,
  options: pulumi.CustomResourceOptions,
): void {
  const gateway = new CarrierGateway(`${id}-carrier`, { vpcId: place.vpcId, tags: { ...tags } }, options);
  new Route(`${id}-carrier`, { routeTableId: carrier.routeTableId, destinationCidrBlock: '0.0.0.0/0', carrierGatewayId: gateway.id }, options);
  const address = new Eip(`${id}-carrier`, { domain: 'vpc', networkBorderGroup: carrier.networkBorderGroup, tags: { ...tags } }, options);
  new EipAssociation(`${id}-carrier`, { allocationId: address.id, networkInterfaceId: instance.primaryNetworkInterfaceId }, options);
}
