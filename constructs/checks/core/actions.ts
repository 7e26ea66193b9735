/**
 * Actions for which AWS takes no other resource than `*` (Service Authorization Reference: actions without an entry in the
 * column "Resource types"), and those of an agent about its own machine, whose id no policy can know beforehand; as far as
 * platforms like this one use them. In lower case; `*` ends a prefix.
 */
const WITHOUT_RESOURCES = [
  'autoscaling:describe*',
  'cloudwatch:describealarmsformetric',
  'cloudwatch:getmetricdata',
  'cloudwatch:getmetricstatistics',
  'cloudwatch:listmetrics',
  'cloudwatch:putmetricdata',
  'ec2:describe*',
  'ec2messages:*',
  'ecr:getauthorizationtoken',
  'ecr:describeregistry',
  'ecs:createcluster',
  'ecs:deregistertaskdefinition',
  'ecs:discoverpollendpoint',
  'ecs:listclusters',
  'ecs:listtaskdefinitions',
  'ecs:registertaskdefinition',
  'ecs:describetaskdefinition',
  'elasticloadbalancing:describe*',
  'iam:getaccountsummary',
  'iam:listaccountaliases',
  'iam:listroles',
  'kms:createkey',
  'kms:generaterandom',
  'kms:listaliases',
  'kms:listkeys',
  'logs:describeloggroups',
  'logs:describeresourcepolicies',
  'logs:createlogdelivery',
  'logs:deletelogdelivery',
  'logs:getlogdelivery',
  'logs:listlogdeliveries',
  'logs:putresourcepolicy',
  'logs:updatelogdelivery',
  'route53:listhostedzones',
  'route53:listhostedzonesbyname',
  'route53:gethostedzonecount',
  's3:listallmybuckets',
  'secretsmanager:getrandompassword',
  'secretsmanager:listsecrets',
  'secretsmanager:batchgetsecretvalue',
  'ssm:describeparameters',
  'ssm:putcomplianceitems',
  'ssm:putinventory',
  'ssm:putconfigurepackageresult',
  'ssm:getmanifest',
  'ssm:updateinstanceinformation',
  'ssm:listassociations',
  'ssm:listinstanceassociations',
  'ssm:describeassociation',
  'ssm:getdeployablepatchsnapshotforinstance',
  'ssm:updateassociationstatus',
  'ssm:updateinstanceassociationstatus',
  'ssmmessages:*',
  'sts:getcalleridentity',
  'sts:getsessiontoken',
  'sts:decodeauthorizationmessage',
  'tag:get*',
  'xray:puttracesegments',
  'xray:puttelemetryrecords',
  'xray:getsamplingrules',
  'xray:getsamplingtargets',
  'xray:getsamplingstatisticsummaries',
];

const EXACT = new Set(WITHOUT_RESOURCES.filter((action) => !action.endsWith('*')));
const PREFIXES = WITHOUT_RESOURCES.filter((action) => action.endsWith('*')).map((action) => action.slice(0, -1));

/** Whether `*` is the only resource that the action can be allowed on. */
export function allowsAnyResource(action: string): boolean {
  const lower = action.toLowerCase();
  return EXACT.has(lower) || PREFIXES.some((prefix) => lower.startsWith(prefix));
}
