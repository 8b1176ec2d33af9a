tide_test(ring_power_test SOURCES edge/ring_power_test.cpp edge/sim_disk.cpp
          DEPS tidemark::edge_ring LABELS unit)
