tide_test(gateway_identity_test SOURCES gateway/identity_test.cpp gateway/registry_shared_test.cpp
  DEPS tidemark::gateway_identity)
target_compile_definitions(gateway_identity_test PRIVATE
  TIDEMARK_REGISTRY_FORMAT="${PROJECT_SOURCE_DIR}/gateway/identity/FORMAT.md")
