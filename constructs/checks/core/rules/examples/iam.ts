import { of, policy, type Example, type Examples } from './model.ts';

const allow = (statement: Record<string, unknown>): Example =>
  of({
    aws_iam_role_policy: {
      p: { role: 'r', policy: policy({ Effect: 'Allow', Resource: 'arn:aws:s3:::audit/*', ...statement }) },
    },
  });
const trust = (statement: Record<string, unknown>): Example =>
  of({ aws_iam_role: { r: { assume_role_policy: policy({ Effect: 'Allow', Action: 'sts:AssumeRole', ...statement }) } } });
const GITHUB = 'token.actions.githubusercontent.com';
/** A trust of GitHub's tokens, with conditions by operator and claim. */
const github = (tests: Record<string, Record<string, string>>): Example =>
  trust({
    Action: 'sts:AssumeRoleWithWebIdentity',
    Principal: { Federated: `arn:aws:iam::111122223333:oidc-provider/${GITHUB}` },
    Condition: Object.fromEntries(
      Object.entries(tests).map(([test, claims]) => [
        test,
        Object.fromEntries(Object.entries(claims).map(([claim, value]) => [`${GITHUB}:${claim}`, value])),
      ]),
    ),
  });
const AUDIENCE = { aud: 'sts.amazonaws.com' };
const onBucket = (statement: Record<string, unknown>): Example =>
  of({
    aws_s3_bucket_policy: {
      p: { bucket: 'b', policy: policy({ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*', ...statement }) },
    },
  });
const fromData = (statement: Record<string, unknown>): Example => ({
  resource: { aws_iam_policy: { p: { policy: '${data.aws_iam_policy_document.d.json}' } } },
  data: { aws_iam_policy_document: { d: { statement: [statement] } } },
});
const EVERYONE = { Principal: '*' };

export const IAM_EXAMPLES: Examples = {
  'TM-IAM-01': {
    catches: [
      allow({ Action: '*', Resource: '*' }),
      allow({ Action: ['s3:GetObject', '*'] }),
      allow({ Action: '**', Resource: '*' }),
      fromData({ actions: ['*'], resources: ['*'] }),
      of({
        aws_iam_role: { r: { inline_policy: [{ name: 'a', policy: policy({ Effect: 'Allow', Action: '*', Resource: '*' }) }] } },
      }),
      of({
        aws_iam_policy: {
          p: { policy: '${jsonencode({"Statement" = {"Effect" = "Allow", "Action" = "*", "Resource" = "*"}})}' },
        },
      }),
    ],
    passes: [
      allow({ Action: 's3:GetObject' }),
      allow({ Effect: 'Deny', Action: '*', Resource: '*' }),
      fromData({ effect: 'Deny', actions: ['*'], resources: ['*'] }),
    ],
  },
  'TM-IAM-02': {
    catches: [allow({ Action: 's3:*' }), fromData({ actions: ['kms:*'], resources: ['${aws_kms_key.k.arn}'] })],
    passes: [allow({ Action: ['s3:Get*', 's3:PutObject'] })],
  },
  'TM-IAM-03': {
    catches: [
      allow({ Action: 'secretsmanager:GetSecretValue', Resource: '*' }),
      fromData({ actions: ['kms:Decrypt'], resources: ['*'] }),
      allow({ Action: 'kms:Decrypt', Resource: '*', Condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
      allow({ Action: 'kms:Decrypt', Resource: '*', Condition: { StringLike: { 'aws:ResourceTag/site': '*' } } }),
      allow({ Action: 'kms:Decrypt', Resource: '*', Condition: { StringEquals: { 'aws:PrincipalAccount': '111122223333' } } }),
      allow({ Action: 'kms:Decrypt', Resource: '*', Condition: { StringEqualsIfExists: { 'aws:ResourceTag/site': 'a' } } }),
      allow({ Action: 'ecs:Poll', Resource: '*', Condition: { ArnLike: { 'ecs:cluster': 'arn:aws:ecs:*:*:cluster/*' } } }),
      allow({ Action: 'kms:Decrypt', Resource: 'arn:aws:kms:*:*:key/*' }),
      allow({ Action: 'secretsmanager:GetSecretValue', Resource: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:*' }),
      allow({ Action: 's3:GetObject', Resource: 'arn:aws:s3:::*/*' }),
    ],
    passes: [
      allow({ Action: 'secretsmanager:GetSecretValue', Resource: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:site/*' }),
      allow({ Action: 'kms:Decrypt', Resource: '${aws_kms_key.k.arn}' }),
      allow({ Action: 'ec2:CreateSnapshot', Resource: 'arn:aws:ec2:eu-west-1::snapshot/*' }),
      allow({ Action: 's3:GetObject' }),
      allow({ Action: ['ecr:GetAuthorizationToken', 'cloudwatch:PutMetricData', 'ec2:DescribeVolumes'], Resource: '*' }),
      allow({ Action: 'kms:Decrypt', Resource: '*', Condition: { StringEquals: { 'aws:ResourceTag/site': 'eu-fra-1' } } }),
    ],
  },
  'TM-IAM-04': {
    catches: [
      trust(EVERYONE),
      trust({ Principal: { AWS: ['*'] } }),
      trust({ ...EVERYONE, Condition: { Bool: { 'aws:SecureTransport': 'true' } } }),
      trust({ ...EVERYONE, Condition: { StringEquals: { 'sts:ExternalId': 'clearing' } } }),
      github({}),
      github({ StringEquals: AUDIENCE }),
      github({ StringLike: { ...AUDIENCE, sub: '*' } }),
      github({ StringLike: { ...AUDIENCE, sub: 'repo:*' } }),
      github({ StringLike: { ...AUDIENCE, sub: 'repo:acme*' } }),
      github({ StringEquals: AUDIENCE, StringLikeIfExists: { sub: 'repo:acme/clearing:*' } }),
      github({ StringEquals: { sub: 'repo:acme/clearing:ref:refs/heads/main' } }),
    ],
    passes: [
      github({ StringEquals: { ...AUDIENCE, sub: 'repo:acme/clearing:ref:refs/heads/main' } }),
      github({ StringEquals: AUDIENCE, StringLike: { sub: 'repo:acme/clearing:*' } }),
      trust({
        Action: 'sts:AssumeRoleWithSAML',
        Principal: { Federated: 'arn:aws:iam::111122223333:saml-provider/staff' },
        Condition: { StringEquals: { 'SAML:aud': 'https://signin.aws.amazon.com/saml' } },
      }),
      trust({ Principal: { Service: 'ecs-tasks.amazonaws.com' } }),
      trust({ ...EVERYONE, Condition: { StringEquals: { 'aws:PrincipalOrgID': 'o-1' } } }),
      {
        resource: { aws_iam_role: { r: { assume_role_policy: '${data.aws_iam_policy_document.t.json}' } } },
        data: {
          aws_iam_policy_document: {
            t: {
              statement: { actions: ['sts:AssumeRole'], principals: { type: 'Service', identifiers: ['ec2.amazonaws.com'] } },
            },
          },
        },
      },
    ],
  },
  'TM-IAM-05': {
    catches: [
      onBucket(EVERYONE),
      onBucket({ Principal: { AWS: '*' } }),
      onBucket({ ...EVERYONE, Condition: { IpAddress: { 'aws:SourceIp': '0.0.0.0/0' } } }),
      onBucket({ ...EVERYONE, Condition: { StringNotEquals: { 'aws:SourceVpc': 'vpc-1' } } }),
      onBucket({ ...EVERYONE, Condition: { IpAddress: { 'aws:SourceIp': ['0.0.0.0/1', '128.0.0.0/1'] } } }),
      onBucket({ ...EVERYONE, Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:role/*' } } }),
      onBucket({ ...EVERYONE, Condition: { StringLike: { 'aws:PrincipalOrgID': 'o-*' } } }),
      onBucket({ ...EVERYONE, Condition: { StringEquals: { 'aws:PrincipalTag/team': 'clearing' } } }),
      onBucket({ ...EVERYONE, Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } } }),
      of({ aws_kms_key: { k: { policy: policy({ Effect: 'Allow', Principal: '*', Action: 'kms:Decrypt', Resource: '*' }) } } }),
      of({
        aws_sns_topic_policy: {
          p: { policy: policy({ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sns:Publish', Resource: 'arn' }) },
        },
      }),
    ],
    passes: [
      onBucket({ Principal: { AWS: 'arn:aws:iam::111122223333:role/r' } }),
      onBucket({ ...EVERYONE, Effect: 'Deny' }),
      onBucket({ ...EVERYONE, Condition: { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/*' } } }),
      onBucket({ ...EVERYONE, Condition: { StringEquals: { 'aws:SourceVpce': '${aws_vpc_endpoint.s3.id}' } } }),
      onBucket({ ...EVERYONE, Condition: { IpAddress: { 'aws:SourceIp': '203.0.113.0/24' } } }),
      onBucket({
        ...EVERYONE,
        Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com', 'kms:CallerAccount': '111122223333' } },
      }),
      onBucket({ ...EVERYONE, Condition: { ArnLike: { 'aws:SourceArn': 'arn:aws:cloudfront::111122223333:distribution/d' } } }),
      of({
        aws_kms_key: {
          k: {
            policy: policy({
              Effect: 'Allow',
              Principal: { AWS: 'arn:aws:iam::111122223333:root' },
              Action: 'kms:*',
              Resource: '*',
            }),
          },
        },
      }),
    ],
  },
  'TM-IAM-06': {
    catches: [
      allow({ NotAction: 'iam:*' }),
      allow({ Action: 's3:GetObject', Resource: undefined, NotResource: 'arn:aws:s3:::secret/*' }),
      fromData({ not_actions: ['iam:*'], resources: ['*'] }),
    ],
    passes: [
      allow({ Action: 's3:GetObject' }),
      onBucket({ Effect: 'Deny', NotPrincipal: { AWS: 'arn:aws:iam::111122223333:role/r' } }),
    ],
  },
  'TM-IAM-07': {
    catches: [of({ aws_iam_access_key: { k: { user: 'u' } } })],
    passes: [of({ aws_iam_access_key: { k: { user: 'u', status: 'Inactive' } } })],
  },
  'TM-IAM-08': {
    catches: [
      of({ aws_iam_user_policy: { p: { user: 'u', policy: '{}' } } }),
      of({ aws_iam_policy_attachment: { a: { name: 'a', users: ['u'], policy_arn: 'arn' } } }),
    ],
    passes: [of({ aws_iam_policy_attachment: { a: { name: 'a', groups: ['g'], policy_arn: 'arn' } } })],
  },
  'TM-IAM-09': {
    catches: [
      allow({ Action: 'iam:PassRole', Resource: '*' }),
      allow({ Action: 'iam:Pass*', Resource: '*' }),
      allow({ Action: 'iam:PassRole', Resource: 'arn:aws:iam::111122223333:role/*' }),
      allow({ Action: 'iam:PassRole', Resource: 'arn:aws:iam::111122223333:*' }),
    ],
    passes: [
      allow({ Action: 'iam:PassRole', Resource: '${aws_iam_role.r.arn}' }),
      allow({ Action: 'iam:GetRole', Resource: '*' }),
    ],
  },
  'TM-IAM-10': {
    catches: [
      of({ aws_iam_role_policy_attachment: { a: { role: 'r', policy_arn: 'arn:aws:iam::aws:policy/AdministratorAccess' } } }),
      of({ aws_iam_role: { r: { managed_policy_arns: ['arn:aws:iam::aws:policy/AmazonS3FullAccess'] } } }),
      of({
        aws_iam_group_policy_attachment: { a: { group: 'g', policy_arn: 'arn:aws:iam::aws:policy/AWSCloudShellFullAccess' } },
      }),
    ],
    passes: [
      of({
        aws_iam_role_policy_attachment: { a: { role: 'r', policy_arn: 'arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore' } },
      }),
    ],
  },
  'TM-IAM-11': {
    catches: [
      of({ aws_iam_policy: { p: { policy: '{"Statement": [' } } }),
      of({ aws_iam_policy: { p: { policy: '${var.policy}' } } }),
      of({ aws_iam_policy: { p: { policy: '{}' } } }),
      of({ aws_iam_policy: { p: { policy: '{"Statement": ["x"]}' } } }),
      of({ aws_iam_policy: { p: { policy: 7 } } }),
      allow({ Effect: 'allow', Action: 's3:GetObject' }),
      {
        resource: { aws_iam_policy: { p: { policy: '${data.aws_iam_policy_document.d.json}' } } },
        data: { aws_iam_policy_document: { d: { source_policy_documents: ['${data.aws_iam_policy_document.d.json}'] } } },
      },
    ],
    passes: [
      // As CDKTF writes JSON.stringify of a token: an expression with quotes of its own within the text.
      of({
        aws_iam_policy: {
          p: {
            policy:
              '{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"${join("/", [aws_s3_bucket.b.arn, "*"])}"}}',
          },
        },
      }),
      fromData({ actions: ['s3:GetObject'], resources: ['*'] }),
      of({
        aws_iam_policy: {
          p: {
            policy:
              '${jsonencode({Statement = [{Effect: "Allow", Action = "s3:GetObject", Resource = "${aws_s3_bucket.b.arn}/*"}]})}',
          },
        },
      }),
    ],
  },
};
