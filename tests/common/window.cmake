tide_test(window_test
  SOURCES common/exact_sum_test.cpp common/partial_test.cpp
          common/aggregates_test.cpp
  DEPS tidemark::common_window)
target_compile_definitions(window_test PRIVATE
  TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}"
  TIDEMARK_WINDOW_FORMAT="${PROJECT_SOURCE_DIR}/common/window/FORMAT.md")
