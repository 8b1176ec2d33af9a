tide_test(base_test
  SOURCES common/base_test.cpp common/text_test.cpp common/time_test.cpp common/time_zone_test.cpp
          common/number_text_test.cpp common/row_order_test.cpp
  DEPS tidemark::common_base)
