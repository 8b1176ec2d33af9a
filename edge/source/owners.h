// Whose a series is: the way (source, topic, path) by which its readings come.
//
// Promise    a name belongs to the first way that brings it; another is denied, since it would mix
//            two sensors in one series. It stays that way's over restarts (ways_file.h) and
//            reloads, until the way no longer leads there (keep_if) or somebody says so (release).
// Bound      kMax names: at it the one goes that was made longest ago of those that this start has
//            not heard; as many as there may be series, so that there is one.
// Threads    one at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace tidemark::source {

struct Way {
  std::string source;
  std::string topic;  // empty: the source has none
  std::string path;   // in the message; without a topic what the source calls it; may be empty
  friend bool operator==(const Way&, const Way&) = default;
};
// "$.x of topic 'a/b' of source 'floor'".
std::string text_of(const Way& way);

struct OwnedSeries {
  std::string series;  // "device/metric"
  Way way;             // without a source: nobody's
};

class Owners {
 public:
  static constexpr std::size_t kMax = 50'000;

  // Fault::denied when the name is another way's, with whose, and what to do.
  Result<> check(const std::string& series, const Way& way);
  // It was heard by a way that passed its check.
  void take(const std::string& series, const Way& way);
  [[nodiscard]] bool has(const std::string& series, const Way& way) const;
  [[nodiscard]] const Way* way_of(const std::string& series) const;  // null: nobody's

  // What take_changed() gave in earlier starts, in that order.
  void load(OwnedSeries owned);
  // Names of which `stands` says no are nobody's.
  void keep_if(const std::function<bool(const std::string& series, const Way& way)>& stands);
  struct Released {
    std::string was;  // text_of() the way
    std::string now;  // of the one that was denied last; empty: it is of the next that brings it
  };
  // Fault::bad_input when there is no such name.
  Result<Released> release(const std::string& series);
  // Rises with each keep_if() and release(): who was denied, or had a name, asks again.
  [[nodiscard]] std::uint64_t version() const { return version_; }

  [[nodiscard]] std::size_t size() const { return owned_.size(); }
  // What became another's or nobody's since the last call.
  std::vector<OwnedSeries> take_changed();
  [[nodiscard]] std::vector<OwnedSeries> all() const;  // oldest first

 private:
  struct Owned {
    Way way;
    std::uint64_t number = 0;  // rises in the order in which names were first had
    bool heard = false;        // in this start
    std::unique_ptr<Way> denied = nullptr;  // last
  };
  using ByName = std::map<std::string, Owned, std::less<>>;
  Owned& add(const std::string& series, const Way& way);
  void make_room();
  [[nodiscard]] std::vector<const ByName::value_type*> oldest_first(bool silent) const;
  void changed(const std::string& series) { changed_.push_back(series); }

  ByName owned_;
  std::uint64_t next_ = 0;
  std::uint64_t version_ = 0;
  std::vector<std::string> changed_;
  std::vector<std::string> silent_;  // at the bound: what goes next is last
};

}  // namespace tidemark::source
