/** What AWS would give a resource, made up from its name alone. */

/** As of documents: nobody's. */
export const MOCK_ACCOUNT = '123456789012';
export const MOCK_REGION = 'eu-central-1';

interface Asked {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** Outputs that few resources have and programs read. */
const OWN: Readonly<Record<string, (asked: Asked) => Readonly<Record<string, unknown>>>> = {
  'aws:ec2/instance:Instance': ({ inputs }) => ({ privateIp: inputs['privateIp'] ?? '10.0.0.10', primaryNetworkInterfaceId: 'eni-0123456789abcdef0' }),
  'aws:ec2/vpcEndpoint:VpcEndpoint': () => ({ dnsEntries: [{ dnsName: 'vpce.example.com', hostedZoneId: 'Z0123456789' }] }),
  'aws:cloudwatch/logGroup:LogGroup': ({ name }) => ({ arn: `arn:aws:logs:${MOCK_REGION}:${MOCK_ACCOUNT}:log-group:${name}` }),
  'aws:ssm/activation:Activation': ({ name }) => ({ activationCode: `code-of-${name}` }),
};

export function awsState(asked: Asked): Readonly<Record<string, unknown>> {
  if (!asked.type.startsWith('aws:')) return {};
  const service = asked.type.split(/[:/]/)[1] ?? '';
  return {
    arn: `arn:aws:${service}:${MOCK_REGION}:${MOCK_ACCOUNT}:${asked.name}`, name: asked.inputs['name'] ?? asked.name,
    ...OWN[asked.type]?.(asked),
  };
}
