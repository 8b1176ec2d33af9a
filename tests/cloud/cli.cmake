tide_test(cloud_cli_test SOURCES cloud/cloud_cli_test.cpp
  DEPS tidemark::cloud_cli tidemark::cloud_http cloud_fake_store nlohmann_json::nlohmann_json)
target_compile_definitions(cloud_cli_test PRIVATE TIDEMARK_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
