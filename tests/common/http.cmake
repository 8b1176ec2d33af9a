tide_test(http_server_test SOURCES common/http_server_test.cpp common/http_client.cpp
  DEPS tidemark::common_http)
