tide_test(kafka_member_test SOURCES common/kafka_member_test.cpp
  DEPS tidemark::common_kafka lib::rdkafka LABELS integration)
