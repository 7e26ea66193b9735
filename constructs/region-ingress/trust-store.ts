/** The authorities whose certificates a load balancer accepts from clients, in a bucket of their own: it reads them from S3 only. */
import { LbTrustStore } from '@cdktf/provider-aws/lib/lb-trust-store/index.js';
import { S3Object } from '@cdktf/provider-aws/lib/s3-object/index.js';
import { Construct } from 'constructs';
import { PrivateBucket, type PrivateBucketProps } from '../private-bucket/index.ts';

export interface TrustStoreProps extends Pick<PrivateBucketProps, 'accessLogs'> {
  /** At most 32 letters, digits and hyphens. */
  readonly name: string;
  /** Unique in all of S3. */
  readonly bucketName: string;
  /** PEM certificates of the authorities. */
  readonly authorities: string;
}

export class TrustStore extends Construct {
  readonly bucket: PrivateBucket;
  readonly store: LbTrustStore;
  readonly arn: string;

  constructor(scope: Construct, id: string, props: TrustStoreProps) {
    super(scope, id);
    // Certificates are public, and whoever makes the trust store reads them on the load balancer's behalf: no key of one's own.
    this.bucket = new PrivateBucket(this, 'bucket', { name: props.bucketName, ...(props.accessLogs === undefined ? {} : { accessLogs: props.accessLogs }) });
    const bundle = new S3Object(this, 'bundle', {
      bucket: this.bucket.bucketName, key: 'authorities.pem', content: props.authorities, contentType: 'application/x-pem-file', dependsOn: [this.bucket.versioning],
    });
    this.store = new LbTrustStore(this, 'store', {
      name: props.name, caCertificatesBundleS3Bucket: this.bucket.bucketName, caCertificatesBundleS3Key: bundle.key,
      // Without the version a renewed bundle would not be read.
      caCertificatesBundleS3ObjectVersion: bundle.versionId,
    });
    this.arn = this.store.arn;
  }
}
