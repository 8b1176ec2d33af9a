tide_test(answer_test SOURCES cloud/answer_test.cpp cloud/from_json_test.cpp
  DEPS tidemark::cloud_answers tidemark::cloud_query)
tide_test(cloud_slot_rows_test SOURCES cloud/slot_rows_test.cpp
  DEPS tidemark::cloud_answers tidemark::cloud_store)
tide_test(cloud_horizons_test SOURCES cloud/horizons_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
tide_test(grid_test SOURCES cloud/grid_test.cpp DEPS tidemark::cloud_answers)
