tide_test(cloud_intake_test SOURCES cloud/intake_test.cpp cloud/replaced_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
tide_test(cloud_listener_test SOURCES cloud/listener_test.cpp cloud/gateways_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec lib::zmq)
tide_test(cloud_hostile_test SOURCES cloud/hostile_test.cpp cloud/missing_test.cpp
  cloud/counts_test.cpp cloud/dictionaries_test.cpp cloud/seals_test.cpp cloud/letters_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
tide_test(cloud_knowledge_test SOURCES cloud/knowledge_test.cpp cloud/calendar_test.cpp
  cloud/emission_test.cpp cloud/late_ledger_test.cpp cloud/late_news_test.cpp
  cloud/proof_test.cpp cloud/dropped_test.cpp cloud/unheard_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
tide_test(cloud_published_test SOURCES cloud/published_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
tide_test(cloud_repeats_test SOURCES cloud/repeats_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
tide_test(cloud_energy_test SOURCES cloud/energy_test.cpp
  DEPS tidemark::cloud_intake tidemark::cloud_query tidemark::common_codec)
