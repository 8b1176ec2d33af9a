tide_test(registry_test SOURCES common/registry_test.cpp DEPS tidemark::common_metrics)
