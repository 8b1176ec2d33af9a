tide_test(modbus_test SOURCES edge/modbus_test.cpp edge/modbus_bus_test.cpp
          DEPS tidemark::edge_modbus)
tide_test(modbus_tcp_test SOURCES edge/modbus_tcp_test.cpp
          DEPS tidemark::edge_modbus lib::modbus)
target_compile_definitions(modbus_tcp_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles")
tide_test(modbus_rtu_test SOURCES edge/modbus_rtu_test.cpp
          DEPS tidemark::edge_modbus lib::modbus)
tide_test(modbus_faults_test SOURCES edge/modbus_faults_test.cpp edge/modbus_quirks_test.cpp
          DEPS tidemark::edge_modbus)
tide_test(modbus_sunspec_test SOURCES edge/modbus_sunspec_test.cpp
          DEPS tidemark::edge_modbus)
target_compile_definitions(modbus_sunspec_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles")
