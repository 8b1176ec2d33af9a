tide_test(edge_cli_test SOURCES edge/cli_test.cpp
  DEPS tidemark::edge_cli tidemark::edge_control tidemark::edge_history
       nlohmann_json::nlohmann_json)
tide_test(clock_cli_test SOURCES edge/clock_cli_test.cpp
  DEPS tidemark::edge_cli tidemark::edge_control tidemark::edge_daemon
       nlohmann_json::nlohmann_json)
