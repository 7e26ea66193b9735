/** A public certificate for names of one hosted zone, proven by records in that zone. */
import { AcmCertificate } from '@cdktf/provider-aws/lib/acm-certificate/index.js';
import { AcmCertificateValidation } from '@cdktf/provider-aws/lib/acm-certificate-validation/index.js';
import { Route53Record } from '@cdktf/provider-aws/lib/route53-record/index.js';
import { Construct } from 'constructs';

export interface PublicCertificateProps {
  /** Names of the certificate; at least one. */
  readonly names: readonly [string, ...string[]];
  /** Id of the public Route 53 zone that all of them are in. */
  readonly hostedZoneId: string;
}

export class PublicCertificate extends Construct {
  readonly certificate: AcmCertificate;
  /** Known once the certificate is issued: what waits for it can use it. */
  readonly arn: string;

  constructor(scope: Construct, id: string, props: PublicCertificateProps) {
    super(scope, id);
    const [first, ...others] = props.names;
    this.certificate = new AcmCertificate(this, 'certificate', {
      domainName: first, ...(others.length === 0 ? {} : { subjectAlternativeNames: others }), validationMethod: 'DNS',
      lifecycle: { createBeforeDestroy: true },
    });
    // ACM tells the records as a set; by name, so that which record is whose does not depend on an order.
    const option = (name: string, field: string): string =>
      `\${{for o in aws_acm_certificate.${this.certificate.friendlyUniqueId}.domain_validation_options : o.domain_name => o.${field}}["${name}"]}`;
    const records = props.names.map((name) => new Route53Record(this, `proof-${name}`, {
      zoneId: props.hostedZoneId, name: option(name, 'resource_record_name'), type: option(name, 'resource_record_type'),
      records: [option(name, 'resource_record_value')], ttl: 300,
      // Another stack's certificate for the same name has the same record.
      allowOverwrite: true,
    }));
    this.arn = new AcmCertificateValidation(this, 'issued', {
      certificateArn: this.certificate.arn, validationRecordFqdns: records.map((record) => record.fqdn),
    }).certificateArn;
  }
}
