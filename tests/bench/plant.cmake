if(TIDEMARK_BENCH)
  tide_test(plant_test SOURCES bench/plant_test.cpp DEPS tidemark::bench_plant)
endif()
