tide_test(budget_test SOURCES edge/budget_test.cpp DEPS tidemark::edge_uplink)
tide_test(uplink_test SOURCES edge/uplink_test.cpp edge/uplink_schedule_test.cpp
          DEPS tidemark::edge_uplink tidemark::gateway_listener tidemark::common_codec
          LABELS integration)
