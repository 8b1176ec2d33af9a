tide_test(answer_test SOURCES cloud/answer_test.cpp
  DEPS tidemark::cloud_answers tidemark::cloud_query)
