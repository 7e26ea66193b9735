/** RegionIngress as the synthesized stack shows it. */
import { expect, test } from 'vitest';
import { synthStack, type Synthesized } from '../common/testing.ts';
import { checkExample } from '../network/testing-example.ts';
import { Example } from './example.ts';
import { RegionIngress, shortened, type RegionIngressProps } from './index.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const PROPS: RegionIngressProps = {
  name: 'tidemark-test-eu', vpcId: 'vpc-1', subnetIds: ['subnet-a', 'subnet-b', 'subnet-c'], awsRegion: 'eu-west-1',
  replicas: [0, 1, 2].map((i) => ({ host: `r${i}.eu.clearing.example.com`, targetId: `i-${i}`, securityGroupId: `sg-replica-${i}` })),
  port: 8080, healthPath: '/healthz', hostedZoneId: 'Z0123456789', authorities: PEM, logs: { bucketName: 'logs', prefix: 'alb', bucketPrefix: 's3/authorities/' }, bucketName: 'tidemark-test-eu-authorities',
  principals: ['arn:aws:iam::123456789012:root'],
};
const synth = (props: Partial<RegionIngressProps> = {}): Synthesized =>
  synthStack((stack) => { new RegionIngress(stack, 'ingress', { ...PROPS, ...props }); });
const attributes = (s: Synthesized, type: string): Record<string, unknown>[] => s.resources(type).map(([, one]) => one);

test('what is synthesized', () => {
  expect(synth().json['resource']).toMatchSnapshot();
});

test('only clients with a certificate of the authorities come in, by TLS 1.3', () => {
  const s = synth();
  const listeners = attributes(s, 'aws_lb_listener');
  const calls = listeners.find((one) => one['mutual_authentication'] !== undefined);
  expect(calls).toMatchObject({
    port: 443, protocol: 'HTTPS', ssl_policy: 'ELBSecurityPolicy-TLS13-1-3-2021-06',
    mutual_authentication: { mode: 'verify', ignore_client_certificate_expiry: false },
    default_action: [{ type: 'fixed-response', fixed_response: { status_code: '404' } }],
  });
  expect(s.only('aws_s3_object')['content']).toBe(PEM);
  expect(s.only('aws_lb_trust_store')['ca_certificates_bundle_s3_object_version']).toMatch(/version_id/);
  // The one port without certificates leads nowhere, and only the load balancers in front reach it.
  const health = listeners.find((one) => one['port'] === 8443);
  expect(health).toMatchObject({ default_action: [{ type: 'fixed-response', fixed_response: { status_code: '200' } }] });
  for (const rule of attributes(s, 'aws_vpc_security_group_ingress_rule')) expect(rule['referenced_security_group_id'], String(rule['description'])).toBeDefined();
});

test('each replica has its own name, and is called under no other', () => {
  const s = synth();
  const rules = attributes(s, 'aws_lb_listener_rule');
  expect(rules.map((rule) => rule['condition'])).toEqual(PROPS.replicas.map(({ host }) => [{ host_header: { values: [host] } }]));
  expect(new Set(rules.map((rule) => JSON.stringify(rule['action']))).size).toBe(3);
  expect(attributes(s, 'aws_lb_target_group').filter((one) => one['protocol'] === 'HTTPS')).toHaveLength(3);
  expect(s.only('aws_acm_certificate')).toMatchObject({ domain_name: 'r0.eu.clearing.example.com', subject_alternative_names: ['r1.eu.clearing.example.com', 'r2.eu.clearing.example.com'] });
  expect(attributes(s, 'aws_route53_record')).toHaveLength(3);
});

test('nothing is in the internet unless it is asked for', () => {
  const s = synth();
  expect(attributes(s, 'aws_lb').map((one) => one['internal'])).toEqual([true, true]);
  const open = synth({ publicIngress: { subnetIds: ['subnet-public'], clientCidrs: ['198.51.100.0/24'] } });
  const balancers = attributes(open, 'aws_lb');
  expect(balancers.filter((one) => one['internal'] === false)).toMatchObject([{ load_balancer_type: 'network', subnets: ['subnet-public'] }]);
  expect(attributes(open, 'aws_vpc_security_group_ingress_rule').filter((one) => one['cidr_ipv4'] !== undefined)).toMatchObject([{ cidr_ipv4: '198.51.100.0/24', from_port: 443 }]);
  expect(attributes(open, 'aws_route53_record').filter((one) => one['alias'] !== undefined).map((one) => one['name'])).toEqual(PROPS.replicas.map(({ host }) => host));
});

test('the load balancers are kept, logged and strict', () => {
  const s = synth();
  for (const balancer of attributes(s, 'aws_lb')) expect(balancer['enable_deletion_protection']).toBe(true);
  expect(attributes(s, 'aws_lb').find((one) => one['load_balancer_type'] === 'application')).toMatchObject({
    drop_invalid_header_fields: true, access_logs: { bucket: 'logs', enabled: true, prefix: 'alb' },
    connection_logs: { bucket: 'logs', enabled: true, prefix: 'alb' },
  });
  expect(attributes(synth({ deletionProtection: false }), 'aws_lb').map((one) => one['enable_deletion_protection'])).toEqual([false, false]);
});

test('edge nodes of other AWS regions can connect when they are named', () => {
  expect(synth().only('aws_vpc_endpoint_service')).toMatchObject({ acceptance_required: false });
  expect(synth().only('aws_vpc_endpoint_service')['supported_regions']).toBeUndefined();
  expect(synth({ clientRegions: ['us-east-1', 'eu-west-1'] }).only('aws_vpc_endpoint_service')['supported_regions']).toEqual(['eu-west-1', 'us-east-1']);
  const s = synthStack((stack) => new RegionIngress(stack, 'ingress', PROPS).allowPrincipal('arn:aws:iam::210987654321:root'));
  expect(attributes(s, 'aws_vpc_endpoint_service_allowed_principal').map((one) => one['principal_arn'])).toEqual(['arn:aws:iam::123456789012:root', 'arn:aws:iam::210987654321:root']);
});

test('one that exists already is looked up, so that its absence is seen in the plan', () => {
  const s = synthStack((stack) => {
    const found = RegionIngress.fromAttributes(stack, 'eu', { serviceName: 'com.amazonaws.vpce.eu-west-1.vpce-svc-1', serviceRegion: 'eu-west-1', urls: ['https://r0'] });
    expect(found.urls).toEqual(['https://r0']);
  });
  expect(s.data('aws_vpc_endpoint_service')).toMatchObject([['eu', { service_name: 'com.amazonaws.vpce.eu-west-1.vpce-svc-1' }]]);
});

test('all mistakes are told at once', () => {
  const attempt = (): unknown => synth({
    subnetIds: ['subnet-a'], port: 0, healthPath: 'healthz', authorities: '-----BEGIN PRIVATE KEY-----', principals: [],
    replicas: [{ host: 'r0', targetId: 'i', securityGroupId: 's' }, { host: 'r0', targetId: 'i', securityGroupId: 's' }],
  });
  expect(attempt).toThrow(/^test\/ingress: 9 mistakes:/);
  expect(attempt).toThrow(/authorities: holds a private key/);
  expect(attempt).toThrow(/two have the same host/);
});

test('a name that is too long keeps its start and stays its own', () => {
  expect(shortened('tidemark-production-eu', 32)).toBe('tidemark-production-eu');
  const [a, b] = ['r0', 'r1'].map((end) => shortened(`tidemark-production-a-long-region-name-${end}`, 32));
  expect(a).toMatch(/^tidemark-production-a-lo/);
  expect(a).not.toBe(b);
  for (let most = 12; most <= 32; most++) expect(shortened('tidemark-production-a-long-region-name', most).length).toBeLessThanOrEqual(most);
});

test('the example of the README', () => {
  expect(checkExample(import.meta.dirname, Example).resources('aws_vpc_endpoint_service')).toHaveLength(1);
});
