/** A Pulumi program of somebody who installed the kit: it subscribes a pager to the topic of a platform that CDKTF provisioned. */
import { TopicSubscription } from '@pulumi/aws/sns/topicSubscription.js';
import { factsFromSsm } from 'tidemark/constructs/pulumi';
import { withMocks } from 'tidemark/constructs/pulumi/testing';

const { only } = await withMocks(() => {
  const centre = factsFromSsm({ platform: 'tidemark', environment: 'production', kind: 'global' });
  new TopicSubscription('pager', { topic: centre.pageTopicArn, protocol: 'https', endpoint: 'https://pager.example.com/v1/events' });
}, { calls: { 'aws:ssm/getParameter:getParameter': ({ name }) => ({ insecureValue: `value of ${String(name)}` }) } });
process.stdout.write(JSON.stringify(only('aws:sns/topicSubscription:TopicSubscription').inputs));
