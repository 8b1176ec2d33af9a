tide_test(reload_test SOURCES edge/reload_test.cpp edge/pace_test.cpp
          DEPS tidemark::edge_daemon tidemark::edge_config)
target_compile_definitions(reload_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles")
