import { of, type Example, type Examples, type Section } from './model.ts';

const host = (attributes: Record<string, unknown>, more: Section = {}): Example =>
  of({ aws_instance: { h: attributes }, ...more });
const template = (attributes: Record<string, unknown>): Example => of({ aws_launch_template: { t: attributes } });
const volume = (attributes: Record<string, unknown>, more: Section = {}): Example =>
  of({ aws_ebs_volume: { data: attributes }, ...more });
const FROM_TEMPLATE = { launch_template: { id: '${aws_launch_template.t.id}' } };
const snapshots = (details: Record<string, unknown>, state = 'ENABLED') => ({
  aws_dlm_lifecycle_policy: { p: { state, policy_details: { resource_types: ['VOLUME'], ...details } } },
});
const TAGS = { 'tidemark:host': 'eu-fra-1' };

export const EC2_EXAMPLES: Examples = {
  'TM-EC2-01': {
    catches: [
      host({}),
      host({ metadata_options: { http_tokens: 'optional' } }),
      template({}),
      host(FROM_TEMPLATE, { aws_launch_template: { t: {} } }),
      host({ metadata_options: { http_tokens: '${var.tokens}' } }),
    ],
    passes: [
      host({ metadata_options: { http_tokens: 'required' } }),
      template({ metadata_options: [{ http_endpoint: 'disabled' }] }),
      host(FROM_TEMPLATE, { aws_launch_template: { t: { metadata_options: { http_tokens: 'required' } } } }),
    ],
  },
  'TM-EC2-02': {
    catches: [
      host({ metadata_options: { http_put_response_hop_limit: 3 } }),
      host({ metadata_options: { http_put_response_hop_limit: '${var.hops}' } }),
    ],
    passes: [host({}), host({ metadata_options: { http_put_response_hop_limit: 2 } })],
  },
  'TM-EC2-03': {
    catches: [
      host({ associate_public_ip_address: true }),
      template({ network_interfaces: [{ associate_carrier_ip_address: 'true' }] }),
      host({ subnet_id: '${aws_subnet.s.id}' }, { aws_subnet: { s: { map_public_ip_on_launch: true } } }),
      host({ associate_public_ip_address: '${var.public}' }),
      host({}),
      host({ launch_template: { id: 'lt-1' } }),
      host({ launch_template: { id: '${var.template}' } }),
      host(FROM_TEMPLATE, { aws_launch_template: { t: {} } }),
      host({ subnet_id: '${aws_default_subnet.s.id}' }, { aws_default_subnet: { s: { availability_zone: 'eu-west-1a' } } }),
      host({ subnet_id: '${aws_subnet.s.id}' }, { aws_subnet: { s: { map_public_ip_on_launch: '${var.public}' } } }),
    ],
    passes: [
      host({ associate_public_ip_address: false }),
      host({ subnet_id: '${aws_subnet.s.id}' }, { aws_subnet: { s: { cidr_block: '10.0.0.0/24' } } }),
      host(FROM_TEMPLATE, { aws_launch_template: { t: { network_interfaces: [{ associate_public_ip_address: 'false' }] } } }),
      host({ network_interface: [{ device_index: 0, network_interface_id: 'eni-1' }] }),
      host(
        { associate_public_ip_address: false, subnet_id: '${aws_subnet.s.id}' },
        { aws_subnet: { s: { map_public_ip_on_launch: true } } },
      ),
      template({ network_interfaces: { associate_public_ip_address: 'false' } }),
    ],
  },
  'TM-EC2-04': { catches: [host({ key_name: 'ops' })], passes: [host({})] },
  'TM-EC2-05': {
    catches: [
      host({ user_data: '#!/bin/sh\nexport DB_PASSWORD=hunter2\n' }),
      host({ user_data: 'aws_access_key_id = AKIAIOSFODNN7EXAMPLE' }),
      host({ user_data_base64: Buffer.from('-----BEGIN EC PRIVATE KEY-----\nMHc=').toString('base64') }),
      template({ user_data: '${base64encode("api_key: 0123456789")}' }),
    ],
    passes: [
      host({}),
      host({
        user_data: '#!/bin/sh\nTOKEN=$(aws secretsmanager get-secret-value --secret-id "$SECRET_ARN")\nexport SECRET_NAME=site\n',
      }),
      template({ user_data: Buffer.from('#cloud-config\nmounts: [[/dev/nvme1n1, /data]]\n').toString('base64') }),
    ],
  },
  'TM-EC2-06': {
    catches: [host({})],
    passes: [
      host({ iam_instance_profile: '${aws_iam_instance_profile.p.name}' }),
      host(FROM_TEMPLATE, { aws_launch_template: { t: { iam_instance_profile: { name: 'site' } } } }),
    ],
  },
  'TM-EC2-07': {
    catches: [
      of({ aws_eip: { e: { instance: '${aws_instance.h.id}' } } }),
      of({ aws_eip_association: { a: { instance_id: 'i-1' } } }),
      host({}, { aws_eip: { e: { network_interface: '${aws_instance.h.primary_network_interface_id}' } } }),
    ],
    passes: [of({ aws_eip: { nat: { domain: 'vpc' } } })],
  },
  'TM-EBS-01': {
    catches: [volume({ size: 20 }), volume({ encrypted: false })],
    passes: [volume({ encrypted: true }), volume({}, { aws_ebs_encryption_by_default: { d: { enabled: true } } })],
  },
  'TM-EBS-02': {
    catches: [
      host({}),
      host({ root_block_device: { encrypted: true }, ebs_block_device: [{ device_name: '/dev/sdb' }] }),
      template({ block_device_mappings: [{ device_name: '/dev/xvda', ebs: { volume_size: 8 } }] }),
    ],
    passes: [
      host({ root_block_device: [{ encrypted: true }] }),
      template({
        block_device_mappings: [{ device_name: '/dev/xvda', ebs: { encrypted: 'true' } }, { virtual_name: 'ephemeral0' }],
      }),
      host(FROM_TEMPLATE, { aws_launch_template: { t: { block_device_mappings: { ebs: { encrypted: true } } } } }),
    ],
  },
  'TM-EBS-03': {
    catches: [
      volume({ tags: TAGS }),
      volume({ tags: TAGS }, snapshots({ target_tags: { 'tidemark:host': 'us-nyc-1' } })),
      volume({ tags: TAGS }, snapshots({ target_tags: TAGS }, 'DISABLED')),
      volume({ tags: TAGS }, snapshots({ target_tags: {} })),
    ],
    passes: [
      volume({ tags: TAGS }, snapshots({ target_tags: TAGS })),
      { ...volume({}, snapshots({ target_tags: TAGS })), provider: { aws: { default_tags: [{ tags: TAGS }] } } },
      volume(
        {},
        {
          ...snapshots({ resource_types: ['INSTANCE'], target_tags: TAGS }),
          aws_instance: { h: { tags: TAGS } },
          aws_volume_attachment: { a: { volume_id: '${aws_ebs_volume.data.id}', instance_id: '${aws_instance.h.id}' } },
        },
      ),
      volume({}, { aws_backup_selection: { s: { resources: ['${aws_ebs_volume.data.arn}'] } } }),
      volume(
        { tags: TAGS },
        { aws_backup_selection: { s: { selection_tag: { type: 'STRINGEQUALS', key: 'tidemark:host', value: 'eu-fra-1' } } } },
      ),
    ],
  },
  'TM-EBS-04': {
    catches: [volume({}), volume({ lifecycle: { prevent_destroy: false } })],
    passes: [volume({ lifecycle: { prevent_destroy: true } })],
  },
};
