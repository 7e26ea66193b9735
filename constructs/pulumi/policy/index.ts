/** The rule pack as a Pulumi policy pack. */
export { applicable, createPolicyPack, ENFORCEMENT, stackPolicies, type PackOptions, type PolicyPackModule } from './pack.ts';
export { readResources, type ReadStack, type StackResource } from './reader.ts';
export { NOT_IN_PULUMI, terraformType } from './types.ts';
export { suppressTag, SUPPRESS_TAG } from '../suppress.ts';
