tide_test(cloud_config_test SOURCES cloud/config_test.cpp DEPS tidemark::cloud_daemon)
