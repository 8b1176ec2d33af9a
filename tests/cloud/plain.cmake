tide_test(cloud_plain_test SOURCES cloud/json_records_test.cpp cloud/plain_edge_test.cpp
  cloud/sent_names_test.cpp
  DEPS tidemark::cloud_plain tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
