tide_test(series_table_test SOURCES edge/series_table_test.cpp DEPS tidemark::edge_source)
tide_test(owners_test SOURCES edge/owners_test.cpp DEPS tidemark::edge_source)
target_compile_definitions(owners_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
