tide_test(ring_buffer_test SOURCES edge/ring_buffer_test.cpp edge/ring_pressure_test.cpp
          edge/staged_ring_test.cpp edge/ring_counts_test.cpp
          edge/sim_disk.cpp
          DEPS tidemark::edge_ring LABELS unit)
tide_test(ring_kill_test SOURCES edge/ring_kill_test.cpp DEPS tidemark::edge_ring LABELS crash)
tide_test(ring_format_test SOURCES edge/ring_format_test.cpp DEPS tidemark::edge_ring LABELS unit)
target_compile_definitions(ring_format_test PRIVATE
  TIDEMARK_RING_FORMAT_FILE="${PROJECT_SOURCE_DIR}/edge/ring/FORMAT.md")
