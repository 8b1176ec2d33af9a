tide_test(cloud_simulation_test SOURCES cloud/simulation_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
# Shrinking one of these by hand: RC_PARAMS="seed=… reproduce=…" as the failure prints it.
find_package(rapidcheck REQUIRED)
tide_test(order_property_test SOURCES cloud/order_property_test.cpp cloud/order_plan.cpp
  cloud/order_oracle.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec rapidcheck fmt::fmt)
target_compile_definitions(order_property_test PRIVATE
  TIDEMARK_ORDER_ORACLE="${CMAKE_CURRENT_SOURCE_DIR}/cloud/order_oracle.py")
set_tests_properties(order_property_test PROPERTIES ENVIRONMENT "RC_PARAMS=max_success=300")
foreach(error ulp drop complete)
  add_test(NAME order_property_sees_${error} COMMAND order_property_test --plant ${error})
  set_tests_properties(order_property_sees_${error} PROPERTIES LABELS unit TIMEOUT 120
                       ENVIRONMENT "RC_PARAMS=max_success=60 max_discard_ratio=100")
endforeach()
# With blocks that never come; by one seed, so that what CI saw can be seen again.
add_test(NAME order_property_losses COMMAND order_property_test --losses)
set_tests_properties(order_property_losses PROPERTIES LABELS long TIMEOUT 600
                     ENVIRONMENT "RC_PARAMS=max_success=2000 seed=7")
add_test(NAME order_property_10000 COMMAND order_property_test)
set_tests_properties(order_property_10000 PROPERTIES LABELS long TIMEOUT 1800
                     ENVIRONMENT "RC_PARAMS=max_success=10000")
tide_test(cloud_views_test SOURCES cloud/selection_test.cpp cloud/groups_test.cpp
  cloud/formula_test.cpp cloud/hopping_test.cpp cloud/partials_test.cpp
  cloud/session_test.cpp cloud/joins_test.cpp cloud/waived_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
target_compile_definitions(cloud_views_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
tide_test(cloud_bounds_test SOURCES cloud/group_bounds_test.cpp
  cloud/bounded_rows_test.cpp cloud/order_turns_test.cpp
  cloud/value_gaps_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
