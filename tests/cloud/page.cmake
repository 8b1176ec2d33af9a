tide_program(page_feed NO_INSTALL SOURCES cloud/page_feed.cpp
  DEPS tidemark::cloud_http cloud_fake_store fmt::fmt)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME page_browser_test
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/cloud/page_browser_test.py
          $<TARGET_FILE:page_feed> ${CMAKE_BINARY_DIR}/screenshots)
set_tests_properties(page_browser_test PROPERTIES LABELS system TIMEOUT 300 SKIP_RETURN_CODE 77)
