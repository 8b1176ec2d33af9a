tide_test(gateway_log_test SOURCES gateway/log_test.cpp DEPS tidemark::gateway_log lib::zmq)
tide_test(gateway_kafka_log_test SOURCES gateway/kafka_log_test.cpp
          DEPS tidemark::gateway_log lib::rdkafka)
