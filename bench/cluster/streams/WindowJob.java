// bench/cluster's windows in Kafka Streams: one thread, state and change log as they come.
//
//   WindowJob BROKERS TOPIC ANSWERS GRACE_MS RECORDS STATE_FOLDER
//
// A record of TOPIC is a reading as JSON under its device's name. Ends when RECORDS are through.
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

public final class WindowJob {
    record Reading(long time, double value) { }

    record Sum(long count, double sum, double min, double max) {
        static Sum none() {
            return new Sum(0, 0, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY);
        }

        Sum with(double v) {
            return new Sum(count + 1, sum + v, Math.min(min, v), Math.max(max, v));
        }

        byte[] bytes() {
            return ByteBuffer.allocate(32).putLong(count).putDouble(sum).putDouble(min)
                    .putDouble(max).array();
        }

        static Sum of(byte[] bytes) {
            var in = ByteBuffer.wrap(bytes);
            return new Sum(in.getLong(), in.getDouble(), in.getDouble(), in.getDouble());
        }
    }

    private static final JsonFactory FACTORY = new JsonFactory();

    // Jackson's streaming parser: binding records to objects costs more.
    static Reading parse(byte[] bytes) {
        long time = 0;
        double value = 0;
        try (var parser = FACTORY.createParser(bytes)) {
            while (parser.nextToken() != null) {
                if (parser.currentToken() != JsonToken.FIELD_NAME) {
                    continue;
                }
                String field = parser.currentName();
                parser.nextToken();
                switch (field) {
                    case "ts" -> time = parser.getLongValue();
                    case "v" -> value = parser.getDoubleValue();
                    default -> { }
                }
            }
        } catch (IOException wrong) {
            throw new UncheckedIOException(wrong);
        }
        return new Reading(time, value);
    }

    static String answer(String device, long start, Sum s) {
        return "{\"device\":\"" + device + "\",\"start\":" + start + ",\"count\":" + s.count()
                + ",\"min\":" + s.min() + ",\"max\":" + s.max()
                + ",\"avg\":" + s.sum() / s.count() + "}";
    }

    public static void main(String[] args) throws InterruptedException {
        Serde<Reading> readings = Serdes.serdeFrom((topic, r) -> {
            throw new IllegalStateException("readings are not written");
        }, (topic, bytes) -> parse(bytes));
        Serde<Sum> sums = Serdes.serdeFrom((topic, s) -> s == null ? null : s.bytes(),
                (topic, bytes) -> bytes == null ? null : Sum.of(bytes));
        var builder = new StreamsBuilder();
        builder.stream(args[1], Consumed.with(Serdes.String(), readings)
                        .withTimestampExtractor((record, t) -> ((Reading) record.value()).time()))
                .groupByKey(Grouped.with(Serdes.String(), readings))
                .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofSeconds(10),
                        Duration.ofMillis(Long.parseLong(args[3]))))
                .aggregate(Sum::none, (device, r, s) -> s.with(r.value()),
                        Materialized.<String, Sum, WindowStore<Bytes, byte[]>>as("sums")
                                .withKeySerde(Serdes.String()).withValueSerde(sums))
                .toStream()
                .map((window, s) -> KeyValue.pair(window.key(),
                        answer(window.key(), window.window().start(), s)))
                .to(args[2], Produced.with(Serdes.String(), Serdes.String()));
        var config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "windows-" + args[2]);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[0]);
        config.put(StreamsConfig.STATE_DIR_CONFIG, args[5]);
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put("auto.offset.reset", "earliest");
        var streams = new KafkaStreams(builder.build(), config);
        streams.start();
        long wanted = Long.parseLong(args[4]);
        while (through(streams) < wanted) {
            Thread.sleep(100);
        }
        streams.close(Duration.ofSeconds(60));
        System.exit(0);
    }

    // Records that its task has processed.
    static long through(KafkaStreams streams) {
        for (var metric : streams.metrics().values()) {
            if (metric.metricName().name().equals("process-total")
                    && metric.metricName().group().equals("stream-thread-metrics")) {
                return ((Number) metric.metricValue()).longValue();
            }
        }
        return 0;
    }
}
