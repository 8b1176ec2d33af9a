tide_test(cloud_parts_test SOURCES cloud/parts_test.cpp DEPS cloud_fake_store LABELS unit)
