tide_test(journal_test SOURCES edge/journal_test.cpp DEPS tidemark::edge_journal LABELS unit)
target_compile_definitions(journal_test PRIVATE
  TIDEMARK_FORMAT_FILE="${PROJECT_SOURCE_DIR}/edge/journal/FORMAT.md")
tide_test(journal_kill_test SOURCES edge/journal_kill_test.cpp DEPS tidemark::edge_journal
          LABELS crash)
