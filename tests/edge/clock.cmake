tide_test(device_clock_test SOURCES edge/device_clock_test.cpp DEPS tidemark::edge_clock)
