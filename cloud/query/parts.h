// The stores that one node has open, one for each partition that it owns, as one Reader.
//
// Promise    what is there of a partition is answered while its store is open here, and nothing of
//            it afterwards; edges have one partition each, so that nothing is there twice.
// Positions  are numbers of this object, in the order in which emissions were seen here: they rise,
//            none means two things, and none of another object is taken for one of this.
// Groups     of views are answered by the partition that puts them together (second_stage.h in
//            cloud/answers). What is computed when somebody asks, sessions and joins end at the
//            partition: of a group with series in two of them there is no answer, but
//            Fault::unsupported, which says so.
// Threads    any; each reader() is for one of them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "cloud/query/reader.h"

namespace tidemark::query {

class Parts : public std::enable_shared_from_this<Parts> {
 public:
  using OpenReader = std::function<Result<std::unique_ptr<Reader>>()>;
  // More than a listener can be behind (cloud/http/fan_out.h).
  static constexpr std::size_t kStretchesMax = 131'072;
  // Positions begin behind this one: of a clock in µs, no two nodes or starts share any.
  static std::shared_ptr<Parts> make(std::uint64_t position);

  // The reader must open already.
  Result<> open(int number, OpenReader reader);
  void close(int number);
  // What there is to know of all partitions, of those elsewhere too.
  void tell(std::vector<PartitionState> states);
  // Over what is open, also later than now.
  [[nodiscard]] std::unique_ptr<Reader> reader();

 private:
  friend class PartedReader;
  explicit Parts(std::uint64_t position) : newest_(position) {}

  // Positions first+1 … first+count are from+1 … from+count of that partition's store.
  struct Stretch {
    std::uint64_t first = 0;
    int part = 0;
    std::uint64_t opened = 0;
    std::uint64_t from = 0;
    std::uint64_t count = 0;
  };
  struct Part {
    OpenReader open;
    std::uint64_t opened = 0;  // which opening, of all
    std::uint64_t seen = 0;    // position in its store
  };
  void see(int number, std::uint64_t opened, std::uint64_t position);
  [[nodiscard]] std::uint64_t newest() const;
  // The oldest that ends behind this position.
  [[nodiscard]] std::optional<Stretch> after(std::uint64_t position) const;

  mutable std::mutex mutex_;  // of what follows
  std::map<int, Part> parts_;
  std::vector<PartitionState> states_;
  std::uint64_t openings_ = 0;
  std::deque<Stretch> stretches_;
  std::uint64_t newest_;
};

}  // namespace tidemark::query
