tide_test(model_test
  SOURCES common/model_test.cpp common/model_format_test.cpp common/sequence_ranges_test.cpp
  DEPS tidemark::common_model)
target_compile_definitions(model_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
