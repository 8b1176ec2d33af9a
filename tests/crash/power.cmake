set(power_cut_sources crash/power_cut_test.cpp edge/sim_disk.cpp)
tide_test(power_cut_test SOURCES ${power_cut_sources} DEPS tidemark::edge_ring LABELS crash
          TIMEOUT 300)
tide_test(power_cut_staged_test SOURCES crash/power_cut_staged_test.cpp edge/sim_disk.cpp
          DEPS tidemark::edge_ring LABELS crash TIMEOUT 300)
tide_test(power_cut_release_test SOURCES crash/power_cut_release_test.cpp edge/sim_disk.cpp
          DEPS tidemark::edge_ring LABELS giant TIMEOUT 3600)
set_tests_properties(power_cut_release_test PROPERTIES
  ENVIRONMENT TIDEMARK_POWER_CUTS_DONE=${CMAKE_CURRENT_BINARY_DIR}/power_cuts_done)

# tide_ring_mutant(NAME FILE FROM TO): the power cut test over a ring in one line of which FROM is
# changed to TO. It has to report lost blocks: a harness that stays quiet then proves nothing.
function(tide_ring_mutant name file from to)
  set(folder ${PROJECT_SOURCE_DIR}/edge/ring)
  file(READ ${folder}/${file} text)
  string(FIND "${text}" "${from}" first)
  string(FIND "${text}" "${from}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    message(FATAL_ERROR "mutant ${name}: edge/ring/${file} has not exactly one '${from}'")
  endif()
  string(REPLACE "${from}" "${to}" text "${text}")
  set(mutant ${CMAKE_CURRENT_BINARY_DIR}/${name}/${file})
  file(CONFIGURE OUTPUT ${mutant} CONTENT "${text}" @ONLY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${file})
  get_target_property(sources tm_edge_ring SOURCES)
  list(FILTER sources INCLUDE REGEX "\\.cpp$")
  list(TRANSFORM sources REPLACE "^.*/" "")
  list(REMOVE_ITEM sources ${file})
  list(TRANSFORM sources PREPEND ${folder}/)
  add_executable(${name} ${power_cut_sources} ${sources} ${mutant})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE tidemark::flags tidemark::common_base tidemark::common_model
                        tidemark::common_sqlite tidemark::edge_journal GTest::gtest
                        GTest::gmock_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS crash TIMEOUT 300
                       PASS_REGULAR_EXPRESSION
                       "synced blocks are gone|a block that waits is lost")
endfunction()

tide_ring_mutant(power_cut_without_sync_test ring_buffer.cpp
                 "auto synced = file_->sync();" "Result<> synced;")
# The place of dead segments is used again before the mark that they are dead is on the medium.
tide_ring_mutant(power_cut_swapped_order_test writer.cpp
                 "fits = geometry.find(head_, durable_.tail_at, estimate).has_value();"
                 "durable_.tail_at = tail_at_;
    fits = geometry.find(head_, durable_.tail_at, estimate).has_value();")
