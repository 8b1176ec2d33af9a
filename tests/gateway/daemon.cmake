tide_test(gateway_daemon_test SOURCES gateway/daemon_test.cpp
          DEPS tidemark::gateway_daemon tidemark::common_wire)
