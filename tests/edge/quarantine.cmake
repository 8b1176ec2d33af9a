tide_test(quarantine_test SOURCES edge/quarantine_test.cpp
          DEPS tidemark::edge_quarantine lib::sqlite)
