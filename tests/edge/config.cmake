tide_test(edge_config_test SOURCES edge/edge_config_test.cpp DEPS tidemark::edge_config)
target_compile_definitions(edge_config_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles")
