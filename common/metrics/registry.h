// What a program counts about itself, and the text that Prometheus reads.
//
// Promise    counter() and gauge() give the same object for the same name and labels, as long as
//            the registry lives; add() and set() are one relaxed atomic each: fit for hot loops.
// When full  past kLabelSetsMax label sets of one name, further ones share one whose values are all
//            "other": a runaway label costs detail, never memory.
// Threads    any. Names and labels are looked up under a lock: keep the reference, not the name.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace tidemark::metrics {

using Labels = std::map<std::string, std::string>;

class Counter {
 public:
  void add(std::uint64_t n = 1) { count_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return count_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> count_{0};
};

class Gauge {
 public:
  void set(double v) { value_.store(v, std::memory_order_relaxed); }
  void add(double v) { value_.fetch_add(v, std::memory_order_relaxed); }
  [[nodiscard]] double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

enum class Format : std::uint8_t {
  prometheus,   // text/plain; version=0.0.4
  openmetrics,  // application/openmetrics-text; version=1.0.0
};
std::string_view content_type(Format format);
// What a client asks for in its Accept header.
Format format_for(std::string_view accept);

class Registry {
 public:
  static constexpr std::size_t kLabelSetsMax = 4096;

  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Names are [a-z][a-z0-9_]*, begin with "tidemark_" and carry their unit last; those of counters
  // end in "_total". One name has one kind and one help text: that of its first call.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  // A gauge, or a counter that rises elsewhere, asked for at each scrape, under the registry's
  // lock: it must be quick and must not call back into the registry.
  void gauge_of(std::string_view name, std::string_view help, const Labels& labels,
                std::function<double()> value);
  void counter_of(std::string_view name, std::string_view help, const Labels& labels,
                  std::function<double()> value);
  // Ends a gauge_of or counter_of before what it asks goes away; others are left alone.
  void forget(std::string_view name, const Labels& labels);

  // All families in order of name, label sets in order of labels.
  [[nodiscard]] std::string text(Format format) const;

 private:
  struct Sample;
  struct Family;
  enum class Kind : std::uint8_t { counter, gauge };
  Sample& sample(Kind kind, std::string_view name, std::string_view help, const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace tidemark::metrics
