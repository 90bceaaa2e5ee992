// Two handlers as people write them for AWS Lambda, run against TANDEM_URL: one puts what a user
// just did, the other gathers features of several groups and predicts.
const {
  SageMakerFeatureStoreRuntimeClient,
  BatchGetRecordCommand,
  GetRecordCommand,
  PutRecordCommand,
} = require('@aws-sdk/client-sagemaker-featurestore-runtime');

const featureStore = new SageMakerFeatureStoreRuntimeClient({
  endpoint: process.env.TANDEM_URL,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  maxAttempts: 1,
});

async function realTimeFeatures(event) {
  for (const message of event.Records) {
    const action = JSON.parse(message.body);
    await featureStore.send(new PutRecordCommand({
      FeatureGroupName: 'user-realtime-features',
      Record: [
        { FeatureName: 'user_id', ValueAsString: action.userId },
        { FeatureName: 'event_time', ValueAsString: new Date().toISOString() },
        { FeatureName: 'items_in_cart', ValueAsString: String(action.itemsInCart) },
        { FeatureName: 'last_viewed_category', ValueAsString: action.category },
      ],
    }));
  }
}

async function featuresOf(group, identifier) {
  const answer = await featureStore.send(new GetRecordCommand({
    FeatureGroupName: group,
    RecordIdentifierValueAsString: identifier,
  }));
  return Object.fromEntries(
    (answer.Record || []).map((feature) => [feature.FeatureName, feature.ValueAsString]),
  );
}

async function rank(event) {
  const { userId, productIds } = JSON.parse(event.body);
  const [user, batch] = await Promise.all([
    featuresOf('user-realtime-features', userId),
    featureStore.send(new BatchGetRecordCommand({
      Identifiers: [
        { FeatureGroupName: 'product-features', RecordIdentifiersValueAsString: productIds },
      ],
    })),
  ]);
  const prices = Object.fromEntries(batch.Records.map((record) => [
    record.RecordIdentifierValueAsString,
    parseFloat(record.Record.find((feature) => feature.FeatureName === 'price').ValueAsString),
  ]));
  return { user, prices };
}

async function main() {
  await realTimeFeatures({
    Records: [{ body: JSON.stringify({ userId: 'u1', itemsInCart: 3, category: 'music' }) }],
  });
  const ranked = await rank({
    body: JSON.stringify({ userId: 'u1', productIds: ['p1', 'p2', 'missing'] }),
  });
  let refused = '';
  try {
    await realTimeFeatures({
      Records: [{ body: JSON.stringify({ userId: 'u1', itemsInCart: 'many', category: '' }) }],
    });
  } catch (error) {
    refused = error.name;
  }
  let unknown = '';
  try {
    await featuresOf('no-such-group', 'u1');
  } catch (error) {
    unknown = error.name;
  }
  console.log(JSON.stringify({ ...ranked, refused, unknown }));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
