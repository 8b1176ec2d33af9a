tide_test(sqlite_test SOURCES common/sqlite_test.cpp DEPS tidemark::common_sqlite)
