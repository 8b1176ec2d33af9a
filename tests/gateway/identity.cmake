tide_test(gateway_identity_test SOURCES gateway/identity_test.cpp DEPS tidemark::gateway_identity)
