add_library(cloud_fake_store STATIC cloud/fake_store.cpp)
target_link_libraries(cloud_fake_store PUBLIC tidemark::cloud_query PRIVATE tidemark::flags)
tide_test(face_test SOURCES cloud/face_test.cpp common/http_client.cpp
  DEPS tidemark::cloud_http cloud_fake_store nlohmann_json::nlohmann_json)
