tide_test(gateway_deadletter_test SOURCES gateway/deadletter_test.cpp
          DEPS tidemark::gateway_deadletter)
target_compile_definitions(gateway_deadletter_test PRIVATE
  TIDEMARK_LETTERS_FORMAT="${PROJECT_SOURCE_DIR}/gateway/deadletter/FORMAT.md")
