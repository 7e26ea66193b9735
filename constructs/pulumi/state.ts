/** Reads the outputs of a Terraform state, version 4 of its format (terraform/internal/states/statefile/version4.go). */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { getObjectOutput } from '@pulumi/aws/s3/getObject.js';
import * as pulumi from '@pulumi/pulumi';
import { factsOf, outputName, type StackKind } from '../common/facts.ts';
import { check, checkAll, ConstructError } from './mistakes.ts';
import { valueFrom } from './value.ts';

/** Where a state is: exactly one of a file and an object in S3. */
export interface StateSource {
  /** File, relative to the program's folder. */
  readonly path?: string;
  /** Object that the s3 backend writes. */
  readonly s3?: {
    readonly bucket: pulumi.Input<string>;
    /** `tidemark/production/region-eu.tfstate` */
    readonly key: pulumi.Input<string>;
    /** @default - the provider's */
    readonly region?: string;
    /** @default - the program's default provider */
    readonly provider?: pulumi.ProviderResource;
  };
}

export interface StateFact {
  readonly value: string | readonly string[];
  readonly isSensitive: boolean;
}

const VERSION = 4;

/** A file is read at once, and what is wrong with it is thrown; an object in S3 when the deployment has fetched it. */
export function stateFacts(kind: StackKind, source: StateSource): pulumi.Output<Readonly<Record<string, StateFact>>> {
  check('Terraform state', (m) => m.exactlyOne({ path: source.path, s3: source.s3 }));
  if (source.path !== undefined) {
    const path = resolve(source.path);
    return pulumi.output(Promise.resolve(readState(kind, textOf(path), path)));
  }
  const { bucket, key, region, provider } = source.s3!;
  const found = getObjectOutput({ bucket, key, ...(region === undefined ? {} : { region }) }, provider === undefined ? {} : { provider });
  return pulumi.all([bucket, key, found.body, found.contentType]).apply(([b, k, body, contentType]) => {
    const where = `s3://${b}/${k}`;
    checkAll(where, (m) => {
      // The provider gives the content of text and JSON alone.
      if (typeof body !== 'string' || body === '') m.add(`has no content that can be read (content type ${JSON.stringify(contentType)}); Terraform writes application/json`);
    });
    return readState(kind, body, where);
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new ConstructError(path, [code === 'ENOENT' ? 'no such file; `terraform state pull > FILE` writes one' : message]);
  }
}

/**
 * The facts of a kind of stack from its state.
 * @throws ConstructError with all that is wrong: not a state, another version, outputs that are missing or of another type
 */
export function readState(kind: StackKind, text: string, where: string): Readonly<Record<string, StateFact>> {
  const facts: Record<string, StateFact> = {};
  checkAll(where, (m) => {
    const state = parsed(text);
    if (!isMap(state)) {
      m.add('is not a Terraform state: expected a JSON object');
    } else if (state['encrypted_data'] !== undefined) {
      m.add('is encrypted by OpenTofu; read the SSM parameters (factsFromSsm), or decrypt it with `tofu state pull`');
    } else if (state['version'] !== VERSION) {
      m.add(`version: expected ${VERSION}, got ${JSON.stringify(state['version'])}; Terraform 0.12 and later write ${VERSION}`);
    } else {
      const outputs = isMap(state['outputs']) ? state['outputs'] : {};
      for (const [fact, spec] of Object.entries(factsOf(kind))) {
        const name = outputName(fact);
        const output = Object.hasOwn(outputs, name) ? outputs[name] : undefined;
        if (!isMap(output)) {
          m.add(`outputs.${name}: missing; is it the state of a ${kind} stack? It has ${Object.keys(outputs).join(', ') || 'no outputs'}`);
          continue;
        }
        const isSensitive = output['sensitive'] === true;
        try {
          facts[fact] = { value: valueFrom(output['value'], spec, ''), isSensitive };
        } catch (error) {
          // Not the value of what is sensitive.
          m.add(`outputs.${name}.value: ${isSensitive ? 'is of another type than the contract says' : (error as Error).message}`);
        }
      }
    }
  });
  return facts;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
