tide_test(reload_test SOURCES edge/reload_test.cpp
          DEPS tidemark::edge_daemon tidemark::edge_config)
