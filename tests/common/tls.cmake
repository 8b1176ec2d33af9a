tide_test(tls_test SOURCES common/tls_test.cpp DEPS tidemark::common_tls)
