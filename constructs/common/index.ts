/** What all constructs share: mistakes, IAM, facts between stacks, container definitions. */
export { serviceContainer, serviceEnvironment } from './container.ts';
export { publishFacts, readFacts, type PublishOptions } from './contract.ts';
export { FACTS, parameterName, stackName, type Facts, type StackId, type StackKind } from './facts.ts';
export { ServiceRole, type ServiceRoleProps } from './iam.ts';
export { check, ConstructError, type Mistakes } from './mistakes.ts';
export type { ContainerDefinition, LogTarget, ServiceContainerProps, SettingValue } from './service-container.ts';
export { policyJson, type Grantee, type Statement } from './statements.ts';
