tide_test(cloud_simulation_test SOURCES cloud/simulation_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
# Shrinking one of these by hand: RC_PARAMS="seed=… reproduce=…" as the failure prints it.
find_package(rapidcheck REQUIRED)
tide_test(order_property_test SOURCES cloud/order_property_test.cpp cloud/order_oracle.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec rapidcheck fmt::fmt)
target_compile_definitions(order_property_test PRIVATE
  TIDEMARK_ORDER_ORACLE="${CMAKE_CURRENT_SOURCE_DIR}/cloud/order_oracle.py")
set_tests_properties(order_property_test PROPERTIES ENVIRONMENT "RC_PARAMS=max_success=300")
foreach(error ulp drop)
  add_test(NAME order_property_sees_${error} COMMAND order_property_test --plant ${error})
  set_tests_properties(order_property_sees_${error} PROPERTIES LABELS unit TIMEOUT 120
                       ENVIRONMENT "RC_PARAMS=max_success=60")
endforeach()
add_test(NAME order_property_10000 COMMAND order_property_test)
set_tests_properties(order_property_10000 PROPERTIES LABELS long TIMEOUT 1800
                     ENVIRONMENT "RC_PARAMS=max_success=10000")
