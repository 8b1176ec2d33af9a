tide_test(budget_test SOURCES edge/budget_test.cpp DEPS tidemark::edge_uplink)
tide_test(uplink_test SOURCES edge/uplink_test.cpp edge/uplink_schedule_test.cpp
          DEPS tidemark::edge_uplink tidemark::gateway_listener tidemark::common_codec
          LABELS integration)
tide_test(idle_day_test SOURCES edge/idle_day_test.cpp
          DEPS tidemark::edge_uplink tidemark::edge_pipeline tidemark::gateway_session
               tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
