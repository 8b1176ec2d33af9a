tide_test(cloud_horizons_test SOURCES cloud/horizons_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
