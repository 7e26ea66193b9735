/** Images that others make and the kit's stacks run or build on: what each is for, and where one finds it. */
export interface ThirdParty {
  readonly what: string;
  /** A repository that has it, without credentials; public.ecr.aws holds Docker's official images for AWS. */
  readonly repository: string;
  /** To pin from. */
  readonly suggested: string;
}

export const THIRD_PARTY: Readonly<Record<string, ThirdParty>> = {
  base: {
    what: 'Node 26, which services are built on', repository: 'public.ecr.aws/docker/library/node',
    suggested: 'public.ecr.aws/docker/library/node:26-slim',
  },
  collector: {
    what: 'AWS Distro for OpenTelemetry collector, beside every service',
    repository: 'public.ecr.aws/aws-observability/aws-otel-collector',
    suggested: 'public.ecr.aws/aws-observability/aws-otel-collector:latest',
  },
  nats: {
    what: 'NATS server 2.12 or later, for the ordered stream',
    repository: 'public.ecr.aws/docker/library/nats', suggested: 'public.ecr.aws/docker/library/nats:2.12-alpine',
  },
};
