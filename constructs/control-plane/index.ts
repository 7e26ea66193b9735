/** The global control plane and the way to it. */
export { ControlPlane } from './control-plane.ts';
export { SIZES as CONTROL_PLANE_SIZES } from './defaults.ts';
export { type Compute } from './fargate.ts';
export { type FrontDoor } from './front-door.ts';
export type { ControlPlaneAttributes, ControlPlaneProps, FargateProps, HostProps } from './props.ts';
export { WebAcl, type WebAclProps } from './web-acl.ts';
