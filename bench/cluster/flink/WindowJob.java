// bench/cluster's windows in Apache Flink: one task, in a mini cluster of this JVM.
//
//   WindowJob BROKERS json|packed|combined TOPIC ANSWERS BOUND_MS
//
// json      a record is a reading as JSON
// packed    a record holds a device's readings in columns (load.cpp); its decoder hands them on
//           one by one
// combined  the same, but the decoder sums what a record holds of each window, and windows add up
//           these sums
// Ends when it has read what is in TOPIC. Late readings are dropped, as they are unless a job says
// otherwise.
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

public final class WindowJob {
    static final long WINDOW_MS = 10_000;

    public static final class Reading {
        public String device;
        public long time;
        public double value;
    }

    // Of a reading, of what a record holds of a window, or of a window.
    public static final class Sum {
        public String device;
        public long time;
        public long count;
        public double sum;
        public double min = Double.POSITIVE_INFINITY;
        public double max = Double.NEGATIVE_INFINITY;

        void add(double v) {
            count++;
            sum += v;
            min = Math.min(min, v);
            max = Math.max(max, v);
        }

        void add(Sum s) {
            count += s.count;
            sum += s.sum;
            min = Math.min(min, s.min);
            max = Math.max(max, s.max);
        }
    }

    static String name(int device) {
        String digits = Integer.toString(device);
        return "dev-" + "0000".substring(Math.min(4, digits.length())) + digits;
    }

    // Jackson's streaming parser: binding records to objects costs more.
    static final class Json implements KafkaRecordDeserializationSchema<Reading> {
        private transient JsonFactory factory;

        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Reading> out)
                throws IOException {
            if (factory == null) {
                factory = new JsonFactory();
            }
            Reading r = new Reading();
            try (var parser = factory.createParser(record.value())) {
                while (parser.nextToken() != null) {
                    if (parser.currentToken() != JsonToken.FIELD_NAME) {
                        continue;
                    }
                    String field = parser.currentName();
                    parser.nextToken();
                    switch (field) {
                        case "device" -> r.device = parser.getText();
                        case "ts" -> r.time = parser.getLongValue();
                        case "v" -> r.value = parser.getDoubleValue();
                        default -> { }
                    }
                }
            }
            out.collect(r);
        }

        @Override
        public TypeInformation<Reading> getProducedType() {
            return TypeInformation.of(Reading.class);
        }
    }

    static final class Packed implements KafkaRecordDeserializationSchema<Reading> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Reading> out) {
            ByteBuffer in = ByteBuffer.wrap(record.value()).order(ByteOrder.LITTLE_ENDIAN);
            String device = name(in.getInt(0));
            int count = in.getInt(4);
            long base = in.getLong(8);
            int values = 16 + 4 * count;
            for (int i = 0; i < count; i++) {
                Reading r = new Reading();
                r.device = device;
                r.time = base + in.getInt(16 + 4 * i);
                r.value = in.getDouble(values + 8 * i);
                out.collect(r);
            }
        }

        @Override
        public TypeInformation<Reading> getProducedType() {
            return TypeInformation.of(Reading.class);
        }
    }

    static final class Combined implements KafkaRecordDeserializationSchema<Sum> {
        @Override
        public void deserialize(ConsumerRecord<byte[], byte[]> record, Collector<Sum> out) {
            ByteBuffer in = ByteBuffer.wrap(record.value()).order(ByteOrder.LITTLE_ENDIAN);
            String device = name(in.getInt(0));
            int count = in.getInt(4);
            long base = in.getLong(8);
            int values = 16 + 4 * count;
            var sums = new java.util.TreeMap<Long, Sum>();
            Sum last = null;
            long lastWindow = -1;
            for (int i = 0; i < count; i++) {
                long time = base + in.getInt(16 + 4 * i);
                long window = time / WINDOW_MS;
                if (window != lastWindow) {
                    last = sums.computeIfAbsent(window, w -> new Sum());
                    lastWindow = window;
                }
                last.time = Math.max(last.time, time);
                last.add(in.getDouble(values + 8 * i));
            }
            for (Sum s : sums.values()) {
                s.device = device;
                out.collect(s);
            }
        }

        @Override
        public TypeInformation<Sum> getProducedType() {
            return TypeInformation.of(Sum.class);
        }
    }

    static final class OfReadings implements AggregateFunction<Reading, Sum, Sum> {
        @Override
        public Sum createAccumulator() {
            return new Sum();
        }

        @Override
        public Sum add(Reading r, Sum s) {
            s.add(r.value);
            return s;
        }

        @Override
        public Sum getResult(Sum s) {
            return s;
        }

        @Override
        public Sum merge(Sum a, Sum b) {
            a.add(b);
            return a;
        }
    }

    static final class OfSums implements AggregateFunction<Sum, Sum, Sum> {
        @Override
        public Sum createAccumulator() {
            return new Sum();
        }

        @Override
        public Sum add(Sum part, Sum s) {
            s.add(part);
            return s;
        }

        @Override
        public Sum getResult(Sum s) {
            return s;
        }

        @Override
        public Sum merge(Sum a, Sum b) {
            a.add(b);
            return a;
        }
    }

    static final class Answer extends ProcessWindowFunction<Sum, String, String, TimeWindow> {
        @Override
        public void process(String device, Context context, Iterable<Sum> all,
                Collector<String> out) {
            Sum s = all.iterator().next();
            out.collect("{\"device\":\"" + device + "\",\"start\":" + context.window().getStart()
                    + ",\"count\":" + s.count + ",\"min\":" + s.min + ",\"max\":" + s.max
                    + ",\"avg\":" + s.sum / s.count + "}");
        }
    }

    // The key of an answer.
    static final class Device implements SerializationSchema<String> {
        @Override
        public byte[] serialize(String answer) {
            return answer.substring(11, 19).getBytes(StandardCharsets.UTF_8);
        }
    }

    static <T> KafkaSource<T> source(String[] args, KafkaRecordDeserializationSchema<T> decoder) {
        return KafkaSource.<T>builder()
                .setBootstrapServers(args[0])
                .setTopics(args[2])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest())
                .setDeserializer(decoder)
                .build();
    }

    public static void main(String[] args) throws Exception {
        var env = StreamExecutionEnvironment.createLocalEnvironment(1, new Configuration());
        env.getConfig().enableObjectReuse();
        var sink = KafkaSink.<String>builder()
                .setBootstrapServers(args[0])
                .setDeliveryGuarantee(DeliveryGuarantee.AT_LEAST_ONCE)
                .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder()
                        .setTopic(args[3])
                        .setKeySerializationSchema(new Device())
                        .setValueSerializationSchema(new SimpleStringSchema())
                        .build())
                .build();
        var bound = Duration.ofMillis(Long.parseLong(args[4]));
        var windows = TumblingEventTimeWindows.of(Duration.ofMillis(WINDOW_MS));
        if (args[1].equals("combined")) {
            env.fromSource(source(args, new Combined()),
                            WatermarkStrategy.<Sum>forBoundedOutOfOrderness(bound)
                                    .withTimestampAssigner((s, t) -> s.time), "readings")
                    .keyBy(s -> s.device)
                    .window(windows)
                    .aggregate(new OfSums(), new Answer())
                    .sinkTo(sink);
        } else {
            env.fromSource(source(args, args[1].equals("json") ? new Json() : new Packed()),
                            WatermarkStrategy.<Reading>forBoundedOutOfOrderness(bound)
                                    .withTimestampAssigner((r, t) -> r.time), "readings")
                    .keyBy(r -> r.device)
                    .window(windows)
                    .aggregate(new OfReadings(), new Answer())
                    .sinkTo(sink);
        }
        env.execute("windows");
        System.exit(0);
    }
}
