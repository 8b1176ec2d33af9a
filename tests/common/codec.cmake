tide_test(codec_test
  SOURCES common/codec_test.cpp common/codec_format_test.cpp common/codec_sequence_test.cpp
          common/codec_doubles_test.cpp
          common/codec_dense_test.cpp common/codec_decimals_test.cpp
          common/codec_joined_test.cpp common/codec_feed_test.cpp
  DEPS tidemark::common_codec)
target_compile_definitions(codec_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
tide_test(codec_outline_test SOURCES common/codec_outline_test.cpp DEPS tidemark::common_codec)
tide_test(codec_recurring_test SOURCES common/codec_recurring_test.cpp DEPS tidemark::common_codec)
