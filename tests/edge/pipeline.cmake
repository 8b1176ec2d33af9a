tide_test(pipeline_parts_test SOURCES edge/pipeline_parts_test.cpp edge/compaction_test.cpp
          DEPS tidemark::edge_pipeline)
tide_test(pipeline_test SOURCES edge/pipeline_test.cpp edge/pipeline_windows_test.cpp
          edge/pipeline_clock_test.cpp edge/pipeline_ways_test.cpp
          DEPS tidemark::edge_pipeline)
tide_test(pipeline_events_test SOURCES edge/pipeline_events_test.cpp
          DEPS tidemark::edge_pipeline tidemark::edge_local nlohmann_json::nlohmann_json)
tide_test(tier_choice_test SOURCES edge/tier_choice_test.cpp DEPS tidemark::edge_pipeline)
