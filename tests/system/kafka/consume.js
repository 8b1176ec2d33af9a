// Prints every record of a topic as a line of JSON, in the order of each partition; ends at what
// was the topic's end. NODE_PATH has kafkajs.
//   usage: node consume.js BROKERS TOPIC
'use strict';
const { Kafka, logLevel } = require('kafkajs');

const text = (bytes) => (bytes === null || bytes === undefined ? null : bytes.toString('utf8'));

async function main(brokers, topic) {
  const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const ends = new Map(offsets.filter((o) => Number(o.high) > Number(o.low))
    .map((o) => [o.partition, Number(o.high)]));
  if (ends.size === 0) return;
  const consumer = kafka.consumer({ groupId: `reader-${process.pid}` });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await new Promise((done, failed) => {
    consumer.on(consumer.events.CRASH, (event) => failed(event.payload.error));
    consumer.run({
      eachMessage: async ({ partition, message }) => {
        const headers = Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name, text(value)]));
        process.stdout.write(`${JSON.stringify({
          partition, offset: Number(message.offset), headers, key: text(message.key),
          payload: text(message.value),
        })}\n`);
        if (Number(message.offset) + 1 >= ends.get(partition)) ends.delete(partition);
        if (ends.size === 0) done();
      },
    }).catch(failed);
  });
  await consumer.disconnect();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
