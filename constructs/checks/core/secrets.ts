/** What looks like a secret, by name or by value. */
import type { Value } from './model.ts';

/** Parts of a name that say that the value is secret. */
const SECRET_NAME =
  /(?:^|[_\-./])(?:password|passwd|pwd|passphrase|secret|(?:secret|private|api|access)[_-]?key|token|credentials?)(?:$|[_\-./])/i;
/** Endings that say that the value only points to a secret, or is about it. */
const POINTER_NAME =
  /(?:^|[_\-./])(?:arn|name|id|path|file|ttl|seconds|minutes|days|length|enabled|url|uri|version|type|policy|rotation)$/i;

/** `dbPassword` and `DB_PASSWORD` alike. */
const spelled = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2');

/** Whether a setting of this name holds a secret, and not merely the place of one. */
export const isSecretName = (name: string): boolean => SECRET_NAME.test(spelled(name)) && !POINTER_NAME.test(spelled(name));

/** Values that are secrets wherever they stand, and what they are. */
const SECRET_VALUES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/, 'an AWS access key id'],
  [/-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/, 'a private key'],
  // golang.org/x/mod/sumdb/note: the encoding of a signer's key.
  [/\bPRIVATE\+KEY\+[^+\s]+\+[0-9a-f]{8}\+/, 'a private note key'],
  [/[a-z][a-z0-9+.-]*:\/\/[^\s/:@$]+:[^\s/@$]+@/i, 'a URL with a password'],
  [/\b(?:ghp|gho|ghs|ghu)_[A-Za-z0-9]{36}\b|\bgithub_pat_\w{22,}/, 'a GitHub token'],
  [/\bxox[abprs]-[A-Za-z0-9-]{10,}/, 'a Slack token'],
];

/** What kind of secret a text holds; null when it holds none that can be told. */
export const secretIn = (value: Value): string | null =>
  typeof value === 'string' ? (SECRET_VALUES.find(([pattern]) => pattern.test(value))?.[1] ?? null) : null;

/** Assignments in a script: `export DB_PASSWORD=hunter2`, `password: hunter2`. What a script reads from elsewhere is none. */
const ASSIGNMENT =
  /(?:^|[\s;'"])(?<name>[A-Za-z_][\w-]{0,80})['"]?\s*(?:=|:\s)\s*(?<value>"[^"\n]+"|'[^'\n]+'|[^\s"'$`(){};,]+)/gm;

/** The first secret that a script holds, in words; null when it holds none that can be told. */
export function secretInScript(text: string): string | null {
  const kind = secretIn(text);
  if (kind !== null) return kind;
  for (const { groups } of text.matchAll(ASSIGNMENT)) {
    const value = (groups?.['value'] ?? '').replace(/^["']|["']$/g, '');
    if (value !== '' && !/[$`]/.test(value) && isSecretName(groups?.['name'] ?? ''))
      return `a value for ${groups?.['name'] ?? ''}`;
  }
  return null;
}
