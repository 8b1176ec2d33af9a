tide_test(series_table_test SOURCES edge/series_table_test.cpp DEPS tidemark::edge_source)
