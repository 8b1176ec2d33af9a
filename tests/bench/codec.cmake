if(TIDEMARK_BENCH)
  tide_test(codec_train_test SOURCES bench/codec_train_test.cpp DEPS tidemark::bench_codec_train)
  target_compile_definitions(codec_train_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
  tide_test(codec_bytes_test SOURCES bench/codec_bytes_test.cpp
            DEPS tidemark::bench_codec tidemark::common_codec)
  target_compile_definitions(codec_bytes_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
endif()
