tide_test(cloud_served_test SOURCES cloud/served_store_test.cpp cloud/served_reader_test.cpp
  DEPS tidemark::cloud_serve tidemark::cloud_query tidemark::cloud_answers LABELS unit)
tide_test(cloud_serving_test SOURCES cloud/serving_test.cpp
  DEPS tidemark::cloud_serve tidemark::common_kafka lib::rdkafka LABELS integration TIMEOUT 120)
