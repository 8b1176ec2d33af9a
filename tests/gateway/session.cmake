tide_test(gateway_session_test SOURCES gateway/session_test.cpp DEPS tidemark::gateway_session)
