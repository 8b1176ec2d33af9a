tide_test(config_test SOURCES common/config_test.cpp DEPS tidemark::common_config)
