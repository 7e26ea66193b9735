/** EdgeNodeHost: an edge node on a machine of its own, in any place that a deployment knows; RegionLink: its way to the region. */
export { EDGE_SIZES, ON_PREMISES_MEMORY_MIB } from './defaults.ts';
export { ExternalHost, type ExternalHostProps } from './external-host.ts';
export { installCommand } from './install.ts';
export { EdgeNodeHost, type EdgeNodeAttributes, type IEdgeNodeHost } from './node.ts';
export type { CarrierProps, CloudPlace, EdgeNodeHostProps, EdgePeer, EdgeSecrets, OnPremises } from './props.ts';
export { RegionLink, type LinkClient, type RegionLinkProps } from './region-link.ts';
