tide_test(cli_test SOURCES common/cli_table_test.cpp common/cli_command_test.cpp
  common/cli_front_test.cpp common/cli_codec_test.cpp
  DEPS tidemark::common_cli tidemark::front nlohmann_json::nlohmann_json)
