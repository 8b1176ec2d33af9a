if(TIDEMARK_BENCH)
  tide_test(plant_test SOURCES bench/plant_test.cpp DEPS tidemark::bench_plant)
  add_test(NAME plant_help_test COMMAND tidemark-plant --help)
  set_tests_properties(plant_help_test PROPERTIES LABELS unit TIMEOUT 10
                       PASS_REGULAR_EXPRESSION "usage: tidemark-plant SCENARIO")
endif()
