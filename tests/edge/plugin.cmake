if(TARGET tidemark-mosquitto)
  tide_test(mosquitto_plugin_test SOURCES edge/plugin_test.cpp
            DEPS tidemark::edge_mqtt lib::mosquitto LABELS integration)
  add_dependencies(mosquitto_plugin_test tidemark-mosquitto)
  target_compile_definitions(mosquitto_plugin_test PRIVATE
    TIDEMARK_PLUGIN="$<TARGET_FILE:tidemark-mosquitto>")
endif()
