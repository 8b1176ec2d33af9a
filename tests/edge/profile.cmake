tide_test(profile_test SOURCES edge/profile_test.cpp edge/profile_golden_test.cpp
          DEPS tidemark::edge_profile)
target_compile_definitions(profile_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles")
