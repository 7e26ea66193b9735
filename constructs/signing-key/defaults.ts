/**
 * Ed25519 in KMS (RFC 8032, FIPS 186-5): `ED25519_SHA_512` signs the message itself, which is what signed notes hold;
 * `ED25519_PH_SHA_512` signs a digest of it, which no verifier of a note accepts. A message is at most 4096 bytes.
 * https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
 */
export const KEY_SPEC = 'ECC_NIST_EDWARDS25519';
export const ALGORITHM = 'ED25519_SHA_512';

/** What the account may do with it; who signs is for IAM to say, and a signing key is never rotated by KMS. */
export const ACCOUNT_ACTIONS = [
  'kms:CancelKeyDeletion', 'kms:CreateAlias', 'kms:DeleteAlias', 'kms:DescribeKey', 'kms:DisableKey', 'kms:EnableKey', 'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus', 'kms:GetPublicKey', 'kms:ListAliases', 'kms:ListGrants', 'kms:ListKeyPolicies', 'kms:ListResourceTags', 'kms:PutKeyPolicy', 'kms:RevokeGrant',
  'kms:ScheduleKeyDeletion', 'kms:Sign', 'kms:TagResource', 'kms:UntagResource', 'kms:UpdateAlias', 'kms:UpdateKeyDescription', 'kms:Verify',
] as const;

/** Signed checkpoints outlive the key by years, but nothing can be signed any more once it is gone. Days, 7 to 30. */
export const DELETION = { days: 30, least: 7, most: 30 } as const;
