tide_test(window_test
  SOURCES common/exact_sum_test.cpp common/partial_test.cpp
          common/aggregates_test.cpp common/ordered_test.cpp common/sketch_test.cpp
          common/summary_test.cpp
  DEPS tidemark::common_window)
target_compile_definitions(window_test PRIVATE
  TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}"
  TIDEMARK_WINDOW_FORMAT="${PROJECT_SOURCE_DIR}/common/window/FORMAT.md")

find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME aggregates_golden
         COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/golden/aggregates.py --check)
set_tests_properties(aggregates_golden PROPERTIES LABELS unit TIMEOUT 60)
