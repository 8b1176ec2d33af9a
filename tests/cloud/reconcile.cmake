tide_test(cloud_simulation_test SOURCES cloud/simulation_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
