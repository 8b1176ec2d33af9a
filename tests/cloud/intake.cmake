tide_test(cloud_intake_test SOURCES cloud/intake_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
