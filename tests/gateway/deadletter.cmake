tide_test(gateway_deadletter_test SOURCES gateway/deadletter_test.cpp
          DEPS tidemark::gateway_deadletter)
