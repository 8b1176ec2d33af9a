tide_test(series_filter_test SOURCES edge/series_filter_test.cpp DEPS tidemark::edge_filter)
