tide_test(gateway_cli_test SOURCES gateway/cli_test.cpp
          DEPS tidemark::gateway_cli tidemark::gateway_daemon tidemark::gateway_deadletter
               tidemark::common_wire nlohmann_json::nlohmann_json)
