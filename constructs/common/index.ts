/** What all constructs share: mistakes, IAM, facts between stacks, container definitions. */
export { serviceContainer, serviceEnvironment, type ContainerDefinition, type LogTarget, type ServiceContainerProps, type SettingValue } from './container.ts';
export { FACTS, parameterName, publishFacts, readFacts, stackName, type Facts, type PublishOptions, type StackId, type StackKind } from './contract.ts';
export { policyJson, ServiceRole, type Grantee, type ServiceRoleProps, type Statement } from './iam.ts';
export { check, ConstructError, type Mistakes } from './mistakes.ts';
