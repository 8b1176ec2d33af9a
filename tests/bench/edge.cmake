find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_test(NAME edge_asked_test
         COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/bench/edge_asked_test.py)
set_tests_properties(edge_asked_test PROPERTIES LABELS unit TIMEOUT 120)
