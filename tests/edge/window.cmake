tide_test(series_window_test
  SOURCES edge/series_window_test.cpp edge/local_window_test.cpp
  DEPS tidemark::edge_window)
