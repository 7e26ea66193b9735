/** Container definitions of the services (service-container.ts) in a CDKTF tree: mistakes are thrown with the construct's path. */
import type { Construct } from 'constructs';
import type { ServiceContract } from '../../platform/services.ts';
import { check } from './mistakes.ts';
import { containerOf, environmentOf, type ContainerDefinition, type Environment, type ServiceContainerProps, type SettingValue } from './service-container.ts';

/** Throws ConstructError with every setting that is missing or unknown. */
export function serviceEnvironment(scope: Construct, service: ServiceContract, given: Readonly<Record<string, SettingValue>>): Environment {
  let made: Environment = { environment: [], secrets: [] };
  check(scope, (m) => void (made = environmentOf(m, service, given)));
  return made;
}

/** Throws ConstructError with every mistake in its settings. */
export function serviceContainer(scope: Construct, props: ServiceContainerProps): ContainerDefinition {
  let made: ContainerDefinition | undefined;
  check(scope, (m) => void (made = containerOf(m, props)));
  return made!;
}
