tide_test(cloud_kafka_listener_test SOURCES cloud/kafka_listener_test.cpp cloud/from_log_test.cpp
          cloud/json_input_test.cpp cloud/said_events_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::common_codec tidemark::gateway_log
       lib::rdkafka LABELS integration TIMEOUT 240)
tide_test(cloud_second_stage_test SOURCES cloud/second_stage_test.cpp
          cloud/partial_records_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::common_codec)
target_compile_definitions(cloud_second_stage_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
tide_test(cloud_outbox_test SOURCES cloud/outbox_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::cloud_store)
tide_test(cloud_events_test SOURCES cloud/events_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::cloud_store tidemark::common_codec
       nlohmann_json::nlohmann_json)
tide_test(cloud_group_answers_test SOURCES cloud/group_answers_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::cloud_store tidemark::common_codec
       tidemark::gateway_log lib::rdkafka LABELS integration TIMEOUT 480)
tide_test(cloud_group_test SOURCES cloud/group_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::cloud_store tidemark::common_codec
       tidemark::gateway_log lib::rdkafka LABELS integration TIMEOUT 480)
tide_test(cloud_group_json_test SOURCES cloud/group_json_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::common_codec tidemark::gateway_log
       lib::rdkafka LABELS integration TIMEOUT 240)
tide_test(cloud_group_orders_test SOURCES cloud/group_orders_test.cpp cloud/log_orders_test.cpp
  DEPS tidemark::cloud_cluster tidemark::cloud_query tidemark::cloud_store tidemark::common_codec
       tidemark::gateway_log lib::rdkafka LABELS integration TIMEOUT 240)
