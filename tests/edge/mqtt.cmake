tide_test(mqtt_decoder_test
          SOURCES edge/mqtt_decoder_test.cpp edge/mqtt_names_test.cpp edge/mqtt_fuzz_test.cpp
                  edge/mqtt_seen_test.cpp edge/mqtt_kept_test.cpp edge/mqtt_reader_test.cpp
                  edge/payload_paths_test.cpp edge/message_shape_test.cpp
          DEPS tidemark::edge_mqtt)
tide_test(mqtt_formats_test
          SOURCES edge/mqtt_formats_test.cpp edge/mqtt_malformed_test.cpp
                  edge/mqtt_presence_test.cpp edge/mqtt_samples_test.cpp
                  edge/mqtt_sparkplug_test.cpp
          DEPS tidemark::edge_mqtt tidemark::edge_quarantine)
tide_test(mqtt_source_test SOURCES edge/mqtt_source_test.cpp DEPS tidemark::edge_mqtt
          LABELS integration)
tide_test(mqtt_tls_test SOURCES edge/mqtt_tls_test.cpp edge/mqtt_kill_test.cpp
          DEPS tidemark::edge_mqtt tidemark::common_tls LABELS integration)
target_compile_definitions(mqtt_decoder_test PRIVATE TIDEMARK_SOURCE="${PROJECT_SOURCE_DIR}")
tide_test(mqtt_profiles_test SOURCES edge/mqtt_profiles_test.cpp
          DEPS tidemark::edge_daemon tidemark::edge_mqtt tidemark::edge_modbus)
target_compile_definitions(mqtt_profiles_test PRIVATE
  TIDEMARK_PROFILES="${PROJECT_SOURCE_DIR}/firmware-profiles")
