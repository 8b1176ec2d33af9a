set(fuzz_sources fuzz/targets.cpp fuzz/codec_fuzz.cpp fuzz/codec_parts_fuzz.cpp
                 fuzz/model_fuzz.cpp fuzz/payload_fuzz.cpp fuzz/plain_fuzz.cpp fuzz/tdm_fuzz.cpp
                 fuzz/wire_fuzz.cpp)
set(fuzz_deps tidemark::common_codec tidemark::common_model tidemark::common_window
              tidemark::common_wire tidemark::edge_mqtt tidemark::cloud_plain tidemark::front)

tide_test(fuzz_replay_test SOURCES fuzz/replay_test.cpp ${fuzz_sources} DEPS ${fuzz_deps})
target_compile_definitions(fuzz_replay_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")

option(TIDEMARK_FUZZ "Build libFuzzer programs, with clang (tests/fuzz/README.md)" OFF)
if(TIDEMARK_FUZZ)
  foreach(target codec codec_block codec_values codec_times residuals_fast residuals_standard
                 residuals_dense residuals_written dictionary record seal partial wire
                 sparkplug influx csv json packed publish tdm)
    tide_program(fuzz_${target} NO_INSTALL SOURCES fuzz/libfuzzer.cpp ${fuzz_sources}
                 DEPS ${fuzz_deps})
    target_compile_definitions(fuzz_${target} PRIVATE TIDEMARK_FUZZ_TARGET="${target}")
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
  endforeach()
endif()
