tide_test(codec_test
  SOURCES common/codec_test.cpp common/codec_format_test.cpp common/codec_sequence_test.cpp
          common/codec_doubles_test.cpp
          common/codec_dense_test.cpp common/codec_decimals_test.cpp
          common/codec_joined_test.cpp common/codec_feed_test.cpp
  DEPS tidemark::common_codec)
target_compile_definitions(codec_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
tide_test(codec_outline_test SOURCES common/codec_outline_test.cpp DEPS tidemark::common_codec)
tide_test(codec_recurring_test SOURCES common/codec_recurring_test.cpp DEPS tidemark::common_codec)

# A reader made from FORMAT.md alone, on the golden blocks and on what the program writes today.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME block_reader_golden
         COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/golden/read_block_test.py)
add_test(NAME block_reader_generated
         COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/golden/read_block_test.py
                 --program $<TARGET_FILE:tidemark>)
set_tests_properties(block_reader_golden block_reader_generated PROPERTIES
                     LABELS unit TIMEOUT 300)
