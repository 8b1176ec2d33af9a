tide_test(wire_test SOURCES common/wire_test.cpp fuzz/wire_fuzz.cpp DEPS tidemark::common_wire)
target_compile_definitions(wire_test PRIVATE
  TIDEMARK_WIRE_FORMAT="${PROJECT_SOURCE_DIR}/common/wire/FORMAT.md")
