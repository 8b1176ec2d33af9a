tide_test(gateway_listener_test SOURCES gateway/listener_test.cpp gateway/cloud_link_test.cpp
          DEPS tidemark::gateway_listener tidemark::edge_uplink LABELS integration)
tide_test(gateway_many_edges_test SOURCES gateway/many_edges_test.cpp
          DEPS tidemark::gateway_listener tidemark::edge_uplink LABELS integration TIMEOUT 300)
