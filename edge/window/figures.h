// What a local window says: the figures that a rule asks for, computed from cells. A cell is the
// mergeable state of a slice of time; windows are made of cells.
//
// Aggregates  count min max sum mean avg stddev first last (common/window/partial.h), pNN quantiles
//             (sketch.h), and by order of time twa integral increase time_in_state (ordered.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/window/ordered.h"
#include "common/window/partial.h"
#include "common/window/sketch.h"

namespace tidemark::window {

class Wanted {
 public:
  // Fault::bad_input for a name that is no aggregate, with the known ones. Empty: count, min, max,
  // mean and last.
  static Result<Wanted> parse(const std::vector<std::string>& names);
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] bool quantiles() const { return quantiles_; }
  [[nodiscard]] bool ordered() const { return ordered_; }

 private:
  std::vector<std::string> names_;
  bool quantiles_ = false;
  bool ordered_ = false;
};

// How the windows of one series make figures of cells.
struct Shape {
  ValueType type = ValueType::f64;
  int exponent = 0;  // of i64
  std::shared_ptr<const Wanted> wanted = nullptr;
  OrderedOptions ordered = {};
};

// A pointer that copies what it points to: most cells have neither sketch nor order.
template <typename T>
class Copied {
 public:
  Copied() = default;
  Copied(const Copied& o) : held_(o.held_ ? std::make_unique<T>(*o.held_) : nullptr) {}
  Copied(Copied&&) noexcept = default;
  Copied& operator=(const Copied& o) {
    held_ = o.held_ ? std::make_unique<T>(*o.held_) : nullptr;
    return *this;
  }
  Copied& operator=(Copied&&) noexcept = default;
  ~Copied() = default;
  template <typename... Args>
  void make(Args&&... args) {
    held_ = std::make_unique<T>(std::forward<Args>(args)...);
  }
  explicit operator bool() const { return held_ != nullptr; }
  T* operator->() const { return held_.get(); }
  T& operator*() const { return *held_; }

 private:
  std::unique_ptr<T> held_;
};

struct Cell {
  explicit Cell(const Shape& shape);
  // All but the ordered part, which takes readings by time.
  void add(std::int64_t time, const Column& column, std::size_t value);
  // Of the same shape; the ordered part of `later` follows, or misses when it does not.
  void merge(const Cell& later, const Shape& shape);

  Partial partial;
  Copied<Sketch> sketch;
  Copied<Ordered> ordered;
};

struct Figure {  // one of the three
  std::string name;
  std::optional<double> number = {};
  std::optional<std::string> text = {};
  std::vector<std::pair<std::string, double>> parts = {};  // time_in_state: seconds by state
};

struct LocalResult {
  std::int64_t start = 0;  // ns, half open
  std::int64_t end = 0;
  std::uint64_t revision = 0;  // 0 first; later ones replace
  std::uint64_t readings = 0;  // that it holds, bad ones too
  bool withdrawn = false;      // there is no such window any more: `survivor` has its readings
  std::int64_t survivor = 0;   // its start
  bool cut = false;            // begins before the first reading of this start, or hit a bound
  bool approximate = false;    // a reading came too late for what depends on order, or values are
                               // so many that quantiles are coarse
  std::vector<Figure> figures = {};
};

// `before` is the reading before the window; `names` gives texts of states (text series).
LocalResult result_of(const Cell& cell, std::int64_t start, std::int64_t end,
                 const std::optional<OrderedSample>& before, const Shape& shape,
                 const std::vector<std::string>& names);

// The texts that stand for states of a text series, as numbers. Bound: kNamesMax, further ones are
// "other".
class StateNames {
 public:
  static constexpr std::size_t kNamesMax = 64;
  std::int64_t number_of(std::string_view text);
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

// Readings wait here until the frontier has passed them, and come out by time. Bound: kMax, beyond
// it the oldest come out early.
class Reorder {
 public:
  static constexpr std::size_t kMax = 1024;

  // Nothing is done for what is no value: bad, not finite, of another type.
  void add(std::int64_t time, const Column& column, std::size_t value, StateNames& names);
  template <typename Take>
  void release(std::int64_t frontier, Take take) {
    std::size_t n = 0;
    while (n < waiting_.size() &&
           (waiting_[n].time < frontier || waiting_.size() - n > kMax)) {
      take(waiting_[n++]);
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(n));
  }

 private:
  std::vector<OrderedSample> waiting_;  // by time, then value
};

}  // namespace tidemark::window
