/** Hosts and their disks. An edge host stands where nobody of us is: what can be reached or read there counts most. */
import type { Block, Problem, Resource, Rule, Tree, Value } from '../model.ts';
import { secretInScript } from '../secrets.ts';
import { tagsOf } from '../tags.ts';
import { isExpression } from '../template.ts';
import {
  absent,
  block,
  blocks,
  isBlock,
  mustBeFalse,
  mustBeOneOf,
  mustBeSet,
  mustBeTrue,
  numberOf,
  problem,
  texts,
  truth,
  undecided,
} from '../values.ts';

const HOSTS = ['aws_instance', 'aws_launch_template'];
/** Containers behind a bridge are one hop further away than the host's own processes. */
const HOP_LIMIT_MAX = 2;

/** Launch templates that an instance is made from. */
const templatesOf = (host: Resource, tree: Tree): readonly Resource[] =>
  blocks(host, 'launch_template').flatMap((reference) =>
    tree.ofType('aws_launch_template').filter((t) => tree.pointsTo([reference['id'], reference['name']], t)),
  );

/** A block of the host itself, else of the launch template it is made from. */
const inherited = (host: Resource, name: string, tree: Tree): Block =>
  blocks(host, name)[0] ?? templatesOf(host, tree).flatMap((t) => blocks(t, name))[0] ?? {};
const setting = (host: Resource, name: string, tree: Tree): Value =>
  [host, ...templatesOf(host, tree)].map(({ attributes }) => attributes[name]).find((value) => !absent(value));

const encryptedByDefault = (tree: Tree): boolean =>
  tree.ofType('aws_ebs_encryption_by_default').some((r) => truth(r.attributes['enabled'] ?? true) === true);

function disksOf(host: Resource, tree: Tree): Problem[] {
  if (encryptedByDefault(tree)) return [];
  const named = (disk: Block): string => (absent(disk['device_name']) ? 'its root disk' : `disk ${String(disk['device_name'])}`);
  if (host.type === 'aws_launch_template') {
    return blocks(host, 'block_device_mappings')
      .filter((m) => absent(m['virtual_name']) && absent(m['no_device']))
      .flatMap((m) => mustBeTrue(block(m, 'ebs')['encrypted'], `${named(m)} is not encrypted`));
  }
  const fromTemplate = templatesOf(host, tree).some((t) => blocks(t, 'block_device_mappings').length > 0);
  const root = blocks(host, 'root_block_device')[0];
  return [
    ...(root === undefined && fromTemplate ? [] : mustBeTrue((root ?? {})['encrypted'], 'its root disk is not encrypted')),
    ...blocks(host, 'ebs_block_device').flatMap((disk) => mustBeTrue(disk['encrypted'], `${named(disk)} is not encrypted`)),
  ];
}

const PUBLIC = ['associate_public_ip_address', 'associate_carrier_ip_address'];

function publicAddress(host: Resource, tree: Tree): Problem[] {
  const templates = templatesOf(host, tree);
  const interfaces = blocks(host, 'network_interfaces');
  const own = [host.attributes, ...interfaces].flatMap((holder) =>
    PUBLIC.filter((name) => !absent(holder[name])).flatMap((name) => mustBeFalse(holder[name], `has a public address (${name})`)),
  );
  if (own.length > 0 || !absent(host.attributes['associate_public_ip_address'])) return own;
  const all = [...interfaces, ...templates.flatMap((t) => blocks(t, 'network_interfaces'))];
  if (all.some((i) => !absent(i['associate_public_ip_address']))) return [];
  const subnets = [host.attributes['subnet_id'], ...all.map((i) => i['subnet_id'])].filter((subnet) => !absent(subnet));
  return subnets.length > 0 ? subnets.flatMap((subnet) => tree.follow(subnet).flatMap(addressOfSubnet)) : withoutSubnet(host, templates);
}

/** Default subnets hand out public addresses unless told otherwise, others the other way round. */
const addressOfSubnet = (subnet: Resource): Problem[] =>
  !['aws_subnet', 'aws_default_subnet'].includes(subnet.type)
    ? []
    : mustBeFalse(
        subnet.attributes['map_public_ip_on_launch'],
        `gets a public address from its subnet ${subnet.address}`,
        subnet.type === 'aws_default_subnet',
      );

/** EC2 takes the default VPC. A template alone has its subnet from who uses it, an interface made before has its own. */
function withoutSubnet(host: Resource, templates: readonly Resource[]): Problem[] {
  if (host.type !== 'aws_instance') return [];
  if (['network_interface', 'primary_network_interface'].some((name) => !absent(host.attributes[name]))) return [];
  const elsewhere = templates.length === 0 ? blocks(host, 'launch_template')[0] : undefined;
  const template = elsewhere?.['id'] ?? elsewhere?.['name'];
  if (isExpression(template)) return [undecided('has no subnet_id, and its launch template is not in this stack', template)];
  return elsewhere !== undefined
    ? [problem('has no subnet_id, and its launch template is not in this stack', template)]
    : [problem('has no subnet_id, so it stands in the default VPC and gets a public address')];
}

/** User data in plain text, decoded where it is base64. */
function userData({ attributes }: Resource): string[] {
  const written = [attributes['user_data'], attributes['user_data_base64']].filter((value) => typeof value === 'string');
  return written.flatMap((text) => [
    text,
    ...(/^[A-Za-z0-9+/=\s]+$/.test(text) ? [decoded(text)] : []),
    ...[...text.matchAll(/base64encode\("((?:[^"\\]|\\.)*)"\)/g)].map((match) => match[1]!),
  ]);
}
function decoded(text: string): string {
  try {
    return atob(text);
  } catch {
    return '';
  }
}

/** Whether a snapshot or backup plan of the stack takes the volume in, itself or with the host that it is attached to. */
function isBackedUp(volume: Resource, tree: Tree): boolean {
  const hosts = tree
    .companions('aws_volume_attachment', 'volume_id', volume)
    .flatMap((attachment) => tree.follow(attachment.attributes['instance_id']).filter((r) => r.type === 'aws_instance'));
  const carries = (resources: readonly Resource[], wanted: Value): boolean =>
    isBlock(wanted)
    && Object.keys(wanted).length > 0
    && resources.some((resource) => Object.entries(wanted).every(([key, value]) => tagsOf(resource, tree)[key] === value));
  const bySnapshots = tree
    .ofType('aws_dlm_lifecycle_policy')
    .filter((policy) => policy.attributes['state'] !== 'DISABLED')
    .flatMap((policy) => blocks(policy, 'policy_details'))
    .some((details) => carries(texts(details['resource_types']).includes('INSTANCE') ? hosts : [volume], details['target_tags']));
  return (
    bySnapshots
    || tree
      .ofType('aws_backup_selection')
      .some(
        (selection) =>
          [volume, ...hosts].some((resource) => tree.pointsTo(selection.attributes['resources'], resource))
          || blocks(selection, 'selection_tag').some((tag) =>
            carries([volume, ...hosts], { [String(tag['key'])]: tag['value'] }),
          ),
      )
  );
}

export const EC2_RULES: readonly Rule[] = [
  {
    id: 'TM-EC2-01',
    severity: 'high',
    controls: ['imdsv2', 'CC6.1', 'CC6.6'],
    types: HOSTS,
    what: 'The instance metadata service answers version 2 requests only.',
    why: 'With version 1 one forged request out of a service hands out the credentials of the host.',
    fix: 'In metadata_options set http_tokens = required (or http_endpoint = disabled).',
    check: (host, tree) => {
      const options = inherited(host, 'metadata_options', tree);
      return options['http_endpoint'] === 'disabled'
        ? []
        : mustBeOneOf(options['http_tokens'], ['required'], 'answers version 1 requests');
    },
  },
  {
    id: 'TM-EC2-02',
    severity: 'low',
    controls: ['CC6.1'],
    types: HOSTS,
    what: 'Metadata cannot be reached from further away than a container on the host.',
    why: "A larger hop limit lets a proxy or a network of containers forward the host's credentials.",
    fix: `Set http_put_response_hop_limit to 1, or ${HOP_LIMIT_MAX} where containers need it.`,
    check: (host, tree) => {
      const limit = inherited(host, 'metadata_options', tree)['http_put_response_hop_limit'];
      const number = numberOf(limit) ?? 1;
      if (number === 'unknown') return [undecided('the hop limit', limit)];
      return number <= HOP_LIMIT_MAX ? [] : [problem(`the hop limit is ${number}`, number)];
    },
  },
  {
    id: 'TM-EC2-03',
    severity: 'high',
    controls: ['CC6.1', 'CC6.6'],
    types: HOSTS,
    what: 'A host has no public address, nor a carrier address of a Wavelength Zone.',
    why: 'An edge node asks its region, nobody needs to reach it; what cannot be reached cannot be attacked.',
    fix: 'Set associate_public_ip_address false and use a private subnet; reach the host by Systems Manager.',
    check: publicAddress,
  },
  {
    id: 'TM-EC2-04',
    severity: 'medium',
    controls: ['CC6.1', 'CC6.3'],
    types: HOSTS,
    what: 'A host has no SSH key.',
    why: 'Keys are shared, stay when people leave, and sessions with them are in no log.',
    fix: 'Take key_name away; use Session Manager.',
    check: ({ attributes }) => (absent(attributes['key_name']) ? [] : [problem('has an SSH key', attributes['key_name'])]),
  },
  {
    id: 'TM-EC2-05',
    severity: 'high',
    controls: ['CC6.1', 'C1.1'],
    types: HOSTS,
    what: 'User data holds no secret.',
    why: "It is readable from the host's metadata, by ec2:DescribeInstanceAttribute and in the state.",
    fix: 'Let the host read the secret itself, with its role.',
    check: (host) =>
      userData(host)
        .map((text) => secretInScript(text))
        .filter((kind) => kind !== null)
        .slice(0, 1)
        .map((kind) => ({ message: `its user data holds ${kind}` })),
  },
  {
    id: 'TM-EC2-06',
    severity: 'medium',
    controls: ['instance-roles', 'CC6.1'],
    types: ['aws_instance'],
    what: 'A host has a role.',
    why: 'Without one, software on it needs long-lived credentials, and Systems Manager cannot patch it.',
    fix: 'Set iam_instance_profile.',
    check: (host, tree) =>
      blocks(host, 'launch_template').length > 0 && templatesOf(host, tree).length === 0
        ? []
        : mustBeSet(setting(host, 'iam_instance_profile', tree), 'has no role'),
  },
  {
    id: 'TM-EC2-07',
    severity: 'high',
    controls: ['CC6.6'],
    types: ['aws_eip', 'aws_eip_association'],
    what: 'No Elastic IP points to a host.',
    why: 'It makes the host reachable whatever its subnet says.',
    fix: 'Take the address away; NAT gateways and load balancers have their own.',
    check: ({ attributes }, tree) => {
      const target =
        ['instance', 'instance_id'].map((name) => attributes[name]).find((value) => !absent(value))
        ?? [attributes['network_interface'], attributes['network_interface_id']].find((value) =>
          tree.follow(value).some((r) => r.type === 'aws_instance'),
        );
      return target === undefined ? [] : [problem('gives a host a public address', target)];
    },
  },
  {
    id: 'TM-EBS-01',
    severity: 'high',
    controls: ['ebs-encryption', 'CC6.1'],
    types: ['aws_ebs_volume', 'aws_ebs_snapshot_copy'],
    what: 'A volume is encrypted.',
    why: 'The log of an edge node, with every decision in it, lies on its disk.',
    fix: 'Set encrypted true and kms_key_id.',
    check: ({ attributes }, tree) => (encryptedByDefault(tree) ? [] : mustBeTrue(attributes['encrypted'], 'is not encrypted')),
  },
  {
    id: 'TM-EBS-02',
    severity: 'high',
    controls: ['ebs-encryption', 'CC6.1'],
    types: HOSTS,
    what: 'The disks that a host is made with are encrypted.',
    why: 'Logs, swap and pulled images on the root disk are as telling as the data.',
    fix: 'Set encrypted true in root_block_device and in every ebs_block_device or block_device_mappings.ebs.',
    check: disksOf,
  },
  {
    id: 'TM-EBS-03',
    severity: 'medium',
    controls: ['A1.2', 'CC7.5'],
    types: ['aws_ebs_volume'],
    what: 'A volume is backed up.',
    why: 'A volume is in one zone; when it fails, a snapshot is what is left of it.',
    fix: 'Add aws_dlm_lifecycle_policy with target_tags that the volume carries, or aws_backup_selection.',
    check: (volume, tree) => (isBackedUp(volume, tree) ? [] : [problem('no snapshot or backup plan of the stack takes it in')]),
  },
  {
    id: 'TM-EBS-04',
    severity: 'medium',
    controls: ['A1.2', 'C1.1'],
    types: ['aws_ebs_volume'],
    what: 'A volume cannot be destroyed by a plan.',
    why: 'EBS knows no deletion protection: a changed zone or a removed block deletes the log.',
    fix: 'Set lifecycle.prevent_destroy true.',
    check: (volume) =>
      truth(block(volume, 'lifecycle')['prevent_destroy']) === true ? [] : [problem('has no lifecycle.prevent_destroy')],
  },
];
