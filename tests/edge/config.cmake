tide_test(edge_config_test SOURCES edge/edge_config_test.cpp DEPS tidemark::edge_config)
