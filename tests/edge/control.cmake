tide_test(control_test SOURCES edge/control_test.cpp DEPS tidemark::edge_control)
