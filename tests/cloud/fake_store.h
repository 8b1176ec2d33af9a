// A store that holds what a test puts in, behind the Reader interface.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/reader.h"

namespace tidemark::test {

class FakeStore {
 public:
  // Gives it the next position. Any thread, as all here.
  void emit(answers::Answer answer);
  void set_edges(std::vector<query::EdgeState> edges);
  void set_series(std::vector<query::SeriesState> series);
  void set_late(std::vector<query::LateRow> late);
  void set_events(std::vector<store::Event> events);
  void set_dead_letters(std::vector<store::Letter> letters);
  // As of a node that makes no answers of its own.
  void set_serving(query::Serving serving);
  void set_partitions(std::vector<query::PartitionState> partitions);
  void fail(bool failing);  // every question is Fault::unavailable from now on
  [[nodiscard]] std::uint64_t position() const;

  std::unique_ptr<query::Reader> reader();

 private:
  friend class FakeReader;
  mutable std::mutex mutex_;
  std::vector<answers::Answer> emitted_;  // position = index + 1
  std::vector<query::EdgeState> edges_;
  std::vector<query::SeriesState> series_;
  std::vector<query::LateRow> late_;
  std::vector<store::Event> events_;
  std::vector<store::Letter> letters_;
  std::vector<query::PartitionState> partitions_;
  std::optional<query::Serving> serving_;
  bool failing_ = false;
};

// One window of a minute of view power_1m, sealed, with round figures.
answers::Answer some_answer(std::string series, EventTime start, double mean);
// An edge that is well: 100 readings taken and answered, one source, frontier as given.
query::EdgeState some_edge(std::string name, EventTime frontier);
query::SeriesState some_series(std::string edge, std::string device, std::string metric,
                               std::string unit, double value, EventTime last);

}  // namespace tidemark::test
