tide_test(profile_test SOURCES edge/profile_test.cpp DEPS tidemark::edge_profile)
tide_test(profile_golden_test SOURCES edge/profile_golden_test.cpp DEPS tidemark::edge_probe)
target_compile_definitions(profile_golden_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles"
  TIDEMARK_IMAGES="${PROJECT_SOURCE_DIR}/tests/golden/profiles")
