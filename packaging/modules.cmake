# How a module, a test and a program are declared; every CMakeLists.txt below uses these only.

add_library(tidemark_flags INTERFACE)
add_library(tidemark::flags ALIAS tidemark_flags)
target_include_directories(tidemark_flags INTERFACE ${PROJECT_SOURCE_DIR})
# -ffp-contract=off: a fused multiply-add on one CPU and not on another would make answers differ.
target_compile_options(tidemark_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wold-style-cast -Werror -ffp-contract=off)
if(TIDEMARK_SANITIZE)
  target_compile_options(tidemark_flags INTERFACE
    -fsanitize=${TIDEMARK_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tidemark_flags INTERFACE -fsanitize=${TIDEMARK_SANITIZE})
endif()

# tide_module(edge/ring HEADERS ring_buffer.h SOURCES ring_file.cpp DEPS tidemark::common_base
#             PRIVATE_DEPS SQLite3::SQLite3)
# makes the target tidemark::edge_ring. HEADERS is the public face; each is compiled alone.
function(tide_module path)
  cmake_parse_arguments(M "SMALL" "" "HEADERS;SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  string(REPLACE "/" "_" name ${path})
  if(M_SOURCES)
    add_library(tm_${name} STATIC ${M_SOURCES})
    target_link_libraries(tm_${name} PUBLIC ${M_DEPS} PRIVATE tidemark::flags ${M_PRIVATE_DEPS})
    target_include_directories(tm_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_sources(tm_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                   FILES ${M_HEADERS})
    if(M_SMALL)  # runs once a call or a start: its bytes count, not its time
      target_compile_options(tm_${name} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-Os>)
    endif()
  else()
    add_library(tm_${name} INTERFACE)
    target_link_libraries(tm_${name} INTERFACE ${M_DEPS})
    target_include_directories(tm_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_sources(tm_${name} INTERFACE FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                   FILES ${M_HEADERS})
  endif()
  set_target_properties(tm_${name} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  add_library(tidemark::${name} ALIAS tm_${name})
endfunction()

# tide_program(tidemark-edge SOURCES main.cpp DEPS tidemark::edge_daemon)
function(tide_program name)
  cmake_parse_arguments(P "NO_INSTALL" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  target_link_libraries(${name} PRIVATE tidemark::flags ${P_DEPS})
  if(NOT P_NO_INSTALL)
    install(TARGETS ${name} RUNTIME DESTINATION bin)
  endif()
endfunction()

# tide_test(ring_buffer_test SOURCES edge/ring_buffer_test.cpp DEPS tidemark::edge_ring LABELS unit)
# One program, one ctest entry: a program starts faster than ctest does.
function(tide_test name)
  cmake_parse_arguments(T "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT T_LABELS)
    set(T_LABELS unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  if(CMAKE_CROSSCOMPILING)  # they run under qemu
    math(EXPR T_TIMEOUT "${T_TIMEOUT} * 5")
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE tidemark::flags ${T_DEPS} GTest::gtest GTest::gmock_main)
  target_compile_options(${name} PRIVATE -O1)  # a quarter less to compile; what is tested keeps -O2
  add_test(NAME ${name} COMMAND ${name})
  # Those that may take long are mostly those that wait for a clock: they begin first.
  set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}" TIMEOUT ${T_TIMEOUT}
                       COST ${T_TIMEOUT})
endfunction()
