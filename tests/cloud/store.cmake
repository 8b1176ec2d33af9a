tide_test(cloud_archive_test SOURCES cloud/archive_test.cpp DEPS tidemark::cloud_store)
tide_test(cloud_late_rows_test SOURCES cloud/late_rows_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::cloud_answers tidemark::cloud_store
       tidemark::common_codec)
