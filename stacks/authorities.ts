/** The certificates of the platform's own authority, for services that call others of the platform and for what checks who calls. */
import { Annotations, Fn, TerraformVariable, type TerraformStack } from 'cdktf';
import type { SettingValue } from '../constructs/common/index.ts';

export interface AuthorityProps {
  /** PEM, as `tidemark keys create` writes it to `ca.pem`. @default - a variable of the stacks that need it */
  readonly authorities?: string | undefined;
}

/** The variable that stands for them. */
export const AUTHORITIES_VARIABLE = 'authorities';

export interface Authorities {
  /** PEM. */
  readonly pem: string;
  /** The same to be put into JSON that is text already, as container definitions are: a value that is known later can't be escaped then. */
  readonly pemInJson: string;
}

/**
 * The certificates themselves, or without them a variable of the stack that has to be given, so that nothing can be planned that
 * would trust nobody of the platform.
 */
export function authoritiesOf(stack: TerraformStack, { authorities }: AuthorityProps): Authorities {
  if (authorities !== undefined) return { pem: authorities, pemInJson: authorities };
  const variable = new TerraformVariable(stack, AUTHORITIES_VARIABLE, {
    type: 'string', nullable: false, description: 'PEM certificates of the platform\'s own authority: what deploy.authorities names, which was not there.',
    // A private key that is given by mistake is not to be shown with the mistake.
    sensitive: true,
  });
  variable.addValidation({
    condition: Fn.can(Fn.regex('^(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=[:space:]]+-----END CERTIFICATE-----[[:space:]]*)+$', variable.stringValue)),
    errorMessage: 'Expected certificates in PEM, and nothing else: ca.pem, as tidemark keys create makes it.',
  });
  Annotations.of(stack).addWarning(
    `the file that deploy.authorities names is not there: the stack needs the variable ${AUTHORITIES_VARIABLE}; make it with tidemark keys create`,
  );
  const pem = Fn.nonsensitive(variable.stringValue) as string;
  // Terraform reads backslashes in these texts once more.
  return { pem, pemInJson: Fn.replace(Fn.replace(pem, '\\r', ''), '\\n', '\\\\n') };
}

/** The setting `authorities` of a container. @param pem see {@link AuthorityProps} */
export const authoritiesSetting = (stack: TerraformStack, pem: string | undefined): SettingValue =>
  ({ content: authoritiesOf(stack, { authorities: pem }).pemInJson });
