tide_test(flight_recorder_test SOURCES edge/flight_recorder_test.cpp DEPS tidemark::edge_recorder)
tide_test(history_test SOURCES edge/history_test.cpp
          DEPS tidemark::edge_history tidemark::common_sqlite)
tide_test(local_feed_test SOURCES edge/local_feed_test.cpp
          DEPS tidemark::edge_local tidemark::edge_history)
tide_test(publisher_test SOURCES edge/publisher_test.cpp DEPS tidemark::edge_publish lib::mosquitto
          LABELS integration)
