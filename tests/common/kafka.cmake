tide_test(kafka_member_test SOURCES common/kafka_member_test.cpp
  DEPS tidemark::common_kafka lib::rdkafka LABELS integration)
tide_test(kafka_transactions_test SOURCES common/kafka_transactions_test.cpp
          common/kafka_producer_test.cpp
  DEPS tidemark::common_kafka lib::rdkafka LABELS integration)
tide_test(kafka_consumer_test SOURCES common/kafka_consumer_test.cpp
  DEPS tidemark::common_kafka lib::rdkafka LABELS integration)
