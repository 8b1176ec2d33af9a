// Random readings in any order, repeated, split into blocks in any way, over nodes that die at any
// time: the answers are, byte for byte, those that an oracle computes from the readings as one
// batch. The oracle is Python (order_oracle.py): integers and fractions, no code of ours.
//
//   order_property_test [--plant ulp|drop]      cases: RC_PARAMS="max_success=N seed=S"
//
// With --plant every case gets an error of one unit in the last place, or loses a reading on its
// way, and the property is that the oracle sees it.
#include <fmt/format.h>
#include <rapidcheck.h>

#include <bit>
#include <cstdlib>
#include <iterator>
#include <span>
#include <utility>

#include "common/base/random.h"
#include "tests/cloud/edge_double.h"
#include "tests/cloud/order_oracle.h"

namespace tidemark::test {
namespace {

constexpr int kCasesANode = 48;
constexpr std::int64_t kWidths[] = {10 * kSecond, kMinute, 15 * kMinute};
constexpr const char* kViews[] = {"ten", "minute", "quarter"};

enum class Plant { nothing, ulp, drop };
Plant planted = Plant::nothing;  // NOLINT: the command line's

struct Reading {
  std::uint32_t series = 0;
  std::int64_t time = 0;
  double f64 = 0;
  std::int64_t i64 = 0;
  std::string text;
  Quality quality = Quality::good;
};

struct Plan {
  bool stamped = false;
  std::vector<std::pair<ValueType, std::int8_t>> series;  // type and exponent
  std::int64_t until = 0;
  std::vector<Reading> readings;     // as they were taken
  std::vector<std::size_t> cuts;     // a block ends before these
  std::size_t second_start = 0;      // the reading that it begins with
  std::uint64_t shapes = 0;          // by block: all series in one group, or each in its own
  std::uint64_t delivery = 0;        // seed
};

double double_of(std::uint32_t family, std::uint64_t pick) {
  const auto small = static_cast<double>(pick % 2000);
  switch (family % 5) {
    case 0: return 1013 + small * 0.01;
    case 1: return std::bit_cast<double>(pick * 0x9E3779B97F4A7C15ULL);  // any at all
    case 2: return (small - 1000) * 0.125;
    case 3: {
      constexpr double kOdd[] = {0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308, 1e-160, 1.0 / 3};
      return kOdd[pick % std::size(kOdd)];
    }
    default: return small * 1e-3 * (pick % 3 == 0 ? 1e12 : 1.0);
  }
}

Reading reading_of(const Plan& plan, std::uint32_t family, std::int64_t step, std::int64_t span,
                   std::uint32_t where, std::uint64_t pick) {
  Reading r;
  r.series = where % static_cast<std::uint32_t>(plan.series.size());
  const auto places = static_cast<std::uint64_t>(span / step);
  r.time = kStart + static_cast<std::int64_t>((where / 7) % places) * step;
  const auto type = plan.series[r.series].first;
  if (type == ValueType::f64) r.f64 = double_of(family + r.series, pick);
  if (type == ValueType::i64) {
    r.i64 = (family + r.series) % 3 == 0 ? static_cast<std::int64_t>(pick * 0x9E3779B97F4A7C15ULL)
                                         : static_cast<std::int64_t>(pick % 5000) - 1000;
  }
  if (type == ValueType::boolean) r.i64 = static_cast<std::int64_t>(pick % 2);
  if (type == ValueType::text) r.text = std::string(pick % 3, static_cast<char>('a' + pick % 5));
  // What is twice the same reading has twice the same quality: a device that repeats it says so.
  const auto bits = std::bit_cast<std::uint64_t>(r.f64) + static_cast<std::uint64_t>(r.i64) +
                    r.text.size() + static_cast<std::uint64_t>(r.time);
  const auto dice = (bits * 0x9E3779B97F4A7C15ULL) >> 59;
  r.quality = dice == 0 ? Quality::bad_range : dice == 1 ? Quality::uncertain : Quality::good;
  return r;
}

Plan any_plan() {
  using rc::gen::arbitrary;
  using rc::gen::inRange;
  Plan plan;
  plan.stamped = *arbitrary<bool>();
  for (const auto type : *rc::gen::nonEmpty(
           rc::gen::resize(4, rc::gen::container<std::vector<int>>(inRange(0, 8))))) {
    const auto t = type < 3   ? ValueType::f64
                   : type < 6 ? ValueType::i64
                   : type < 7 ? ValueType::boolean
                              : ValueType::text;
    plan.series.emplace_back(t, t == ValueType::i64 ? static_cast<std::int8_t>(type * 2 - 8) : 0);
  }
  const auto span = *rc::gen::element(30 * kSecond, 3 * kMinute, 3 * kMinute, 15 * kMinute);
  const auto step = *rc::gen::element<std::int64_t>(1, kSecond / 4, kSecond, 7 * kSecond);
  plan.until = kStart + std::max(span, kMinute);
  const auto family = *inRange<std::uint32_t>(0, 30);
  using Raw = std::tuple<std::uint32_t, std::uint16_t>;
  const auto raw = *rc::gen::nonEmpty(
      rc::gen::container<std::vector<Raw>>(rc::gen::tuple(inRange<std::uint32_t>(0, 1U << 30),
                                                          arbitrary<std::uint16_t>())));
  for (const auto& [where, pick] : raw) {
    plan.readings.push_back(reading_of(plan, family, step, span, where, pick));
  }
  for (auto n = *inRange(0, 5); n > 0; --n) {  // sent again by the sensor
    const auto from = *inRange<std::size_t>(0, plan.readings.size());
    const auto copy = plan.readings[from];
    const auto to = *inRange<std::size_t>(from, plan.readings.size()) + 1;
    plan.readings.insert(plan.readings.begin() + static_cast<std::ptrdiff_t>(to), copy);
  }
  plan.cuts = *rc::gen::resize(12, rc::gen::container<std::vector<std::size_t>>(
                                       inRange<std::size_t>(0, plan.readings.size())));
  std::sort(plan.cuts.begin(), plan.cuts.end());
  plan.second_start = *inRange<std::size_t>(0, plan.readings.size());
  plan.shapes = *arbitrary<std::uint64_t>();
  plan.delivery = *arbitrary<std::uint64_t>();
  return plan;
}

void append(Column& column, const Reading& r) {
  if (column.type == ValueType::f64) {
    column.f64.push_back(r.f64);
  } else if (column.type == ValueType::text) {
    column.text.push_back(r.text);
  } else {
    column.i64.push_back(r.i64);
  }
  column.quality.push_back(r.quality);
}

Block block_of(const Plan& plan, std::span<const Reading> readings, bool wide) {
  Block block;
  const auto series = static_cast<std::uint32_t>(plan.series.size());
  if (wide) {  // all series share one column of times, and most cells are empty
    auto& group = block.groups.emplace_back();
    for (std::uint32_t s = 0; s < series; ++s) {
      auto& column = group.columns.emplace_back();
      column.series = s;
      column.type = plan.series[s].first;
    }
    for (const auto& r : readings) {
      group.times.push_back(r.time);
      for (auto& c : group.columns) c.present.push_back(c.series == r.series);
      append(group.columns[r.series], r);
    }
    std::erase_if(group.columns, [](const Column& c) { return c.values() == 0; });
    return block;
  }
  for (std::uint32_t s = 0; s < series; ++s) {
    Group group;
    auto& column = group.columns.emplace_back();
    column.series = s;
    column.type = plan.series[s].first;
    for (const auto& r : readings) {
      if (r.series != s) continue;
      group.times.push_back(r.time);
      append(column, r);
    }
    if (!group.times.empty()) block.groups.push_back(std::move(group));
  }
  return block;
}

// One start of the edge with the readings [from, to) of the plan in its blocks.
EdgeDouble start_of(const Plan& plan, const std::string& name, std::uint64_t number,
                    std::size_t from, std::size_t to, std::size_t dropped) {
  static std::uint64_t incarnation = 1;
  EdgeDouble edge(name, ++incarnation, number, plan.stamped,
                  static_cast<std::uint32_t>(plan.series.size()));
  for (std::uint32_t s = 0; s < plan.series.size(); ++s) {
    edge.describe(s, [&](SeriesDescription& d) {
      d.type = plan.series[s].first;
      d.exponent = plan.series[s].second;
    });
  }
  std::size_t blocks = 0;
  const auto flush = [&](std::size_t end) {
    std::vector<Reading> readings;
    for (; from < end; ++from) {
      if (from == dropped) continue;
      edge.count(plan.readings[from].time);
      readings.push_back(plan.readings[from]);
    }
    // Readings that are late come under seals that have passed them.
    const auto share = static_cast<std::int64_t>(end) * (plan.until - kStart) /
                       static_cast<std::int64_t>(plan.readings.size());
    const auto sealed = end == plan.readings.size() ? plan.until : kStart + share;
    if (readings.empty()) return edge.seal(sealed);
    auto block = block_of(plan, readings, (plan.shapes >> (blocks++ % 64) & 1) != 0);
    block.dictionaries = {edge.dictionary_hash()};
    edge.flush(std::move(block), sealed);
  };
  for (const auto cut : plan.cuts) {
    if (cut > from && cut < to) flush(cut);
  }
  flush(to);
  return edge;
}

// Sends the frames of all starts in any order, some of them again, and brings the node down now
// and then; what it had not committed is sent once more.
class Delivery {
 public:
  Delivery(Node& node, const std::vector<EdgeDouble>& starts, std::uint64_t seed)
      : node_(node), starts_(starts), random_(seed) {}

  void run() {
    for (current_ = 0; current_ < starts_.size(); ++current_) {
      greet();
      const auto& edge = starts_[current_];
      for (const auto& [sequence, record] : edge.blocks) pool_.push_back({current_, sequence});
      for (std::size_t s = 0; s < edge.seals.size(); ++s) pool_.push_back({current_, ~s});
      if (current_ + 1 == starts_.size()) break;
      for (auto n = random_.below(pool_.size() + 1); n > 0 && !pool_.empty(); --n) step();
    }
    while (!pool_.empty()) {
      step();
      if (pool_.empty()) commit();
    }
    if (random_.below(4) == 0) die();
    node_.settle();
  }

 private:
  struct Item {
    std::size_t start;
    std::uint64_t number;  // of a block; of a seal, inverted
  };
  void greet() {
    std::vector<Closing> closings;
    for (std::size_t i = 0; i < current_; ++i) {
      closings.push_back(starts_[i].closing(starts_[i].blocks.size()));
    }
    node_.take(starts_[current_], starts_[current_].hello(closings));
    for (std::size_t i = 0; i <= current_; ++i) node_.take(starts_[i], starts_[i].dictionary());
  }
  void step() {
    const auto at = random_.below(pool_.size());
    const auto item = pool_[at];
    const auto& edge = starts_[item.start];
    const auto lane = random_.below(2) == 0 ? Lane::live : Lane::backlog;
    node_.take(edge, item.number >> 63 != 0 ? edge.seal_frame(~item.number)
                                            : edge.block(item.number, lane));
    if (random_.below(5) != 0) {  // or it is sent once more
      pool_[at] = pool_.back();
      pool_.pop_back();
    }
    sent_.push_back(item);
    const auto dice = random_.below(24);
    if (dice < 2) commit();
    if (dice == 2) die();
  }
  void commit() {
    node_.commit();
    sent_.clear();
    node_.clock.advance(std::chrono::milliseconds(random_.below(9000)));
  }
  void die() {
    node_.kill();
    node_.start();
    pool_.insert(pool_.end(), sent_.begin(), sent_.end());
    sent_.clear();
    greet();
  }

  Node& node_;
  const std::vector<EdgeDouble>& starts_;
  SeededRandom random_;
  std::size_t current_ = 0;
  std::vector<Item> pool_;
  std::vector<Item> sent_;  // since the last commit
};

std::vector<answers::View> views() {
  std::vector<answers::View> all;
  for (std::size_t i = 0; i < std::size(kViews); ++i) {
    auto view = answers::built_in_view();
    view.name = kViews[i];
    view.window.size = Nanoseconds(kWidths[i]);
    all.push_back(std::move(view));
  }
  return all;
}

void tell(std::string& out, const Plan& plan) {
  constexpr const char* kTypes[] = {"f64", "i64", "boolean", "text"};
  fmt::format_to(std::back_inserter(out), R"({{"stamped":{},"until":{},"widths":[{}],"series":[)",
                 plan.stamped, plan.until, fmt::join(kWidths, ","));
  const char* comma = "";
  for (const auto& [type, exponent] : plan.series) {
    fmt::format_to(std::back_inserter(out), R"({}{{"type":"{}","exponent":{}}})", comma,
                   kTypes[static_cast<std::size_t>(type)], exponent);
    comma = ",";
  }
  out += R"(],"readings":[)";
  comma = "";
  for (const auto& r : plan.readings) {
    const auto type = plan.series[r.series].first;
    const auto bits = std::bit_cast<std::uint64_t>(r.f64);
    const auto value = type == ValueType::f64    ? std::to_string(bits)
                       : type == ValueType::text ? '"' + r.text + '"'
                                                 : std::to_string(r.i64);
    fmt::format_to(std::back_inserter(out), "{}[{},{},{},{}]", comma, r.series, r.time, value,
                   !is_bad(r.quality));
    comma = ",";
  }
  out += "]";
}

// `ulps` are added to the first figure that is there.
void tell(std::string& out, const answers::Answer& a, std::size_t series, std::uint64_t& ulps) {
  const bool proved = a.state == answers::State::sealed || a.state == answers::State::revised;
  fmt::format_to(std::back_inserter(out), "[{},{},{},{},{},{},{{", (a.end - a.start).count(),
                 series, count_ns(a.start), proved, a.completeness.value_or(-1), a.lost);
  const char* comma = "";
  for (const auto& [name, value] : a.values) {
    if (value) {
      const auto planted_bits = name == "mean" ? std::exchange(ulps, 0) : 0;
      fmt::format_to(std::back_inserter(out), R"({}"{}":{})", comma, name,
                     std::bit_cast<std::uint64_t>(*value) + planted_bits);
      comma = ",";
    }
  }
  out += "},{";
  comma = "";
  for (const auto& [name, text] : a.texts) {
    fmt::format_to(std::back_inserter(out), R"({}"{}":"{}")", comma, name, text);
    comma = ",";
  }
  out += "}]";
}

// What the node answers about the edge; `ulps` is 0 afterwards if an error could be planted.
void tell_answers(std::string& out, Node& node, const EdgeDouble& edge, const Plan& plan,
                  std::uint64_t& ulps) {
  auto reader = query::Reader::open(node.folder.path).value();
  out += R"(,"answers":[)";
  bool first = true;
  for (const auto* view : kViews) {
    query::AnswerQuery q;
    q.view = view;
    q.select = edge.name() + "/**";
    const auto all = reader->answers(q);
    for (const auto& a : all.value()) {
      if (count_ns(a.end) > plan.until) continue;
      std::size_t series = 0;
      while (edge.full_name(static_cast<std::uint32_t>(series)) != a.series) ++series;
      if (!std::exchange(first, false)) out += ",";
      tell(out, a, series, ulps);
    }
  }
  out += "]";
}

class Cases {
 public:
  explicit Cases(const std::string& script) : oracle_(script) {}

  // What the oracle says; empty when nothing could be planted.
  std::string run(const Plan& plan) {
    if (!node_ || ++on_node_ > kCasesANode) {
      node_ = std::make_unique<Node>(reconcile::Horizons{}, views());
      on_node_ = 0;
    }
    const auto name = fmt::format("e{}", ++number_);
    const auto all = plan.readings.size();
    const auto dropped = planted == Plant::drop ? plan.delivery % all : all;
    std::vector<EdgeDouble> starts;
    if (plan.second_start > 0) {
      starts.push_back(start_of(plan, name, 1, 0, plan.second_start, dropped));
    }
    starts.push_back(start_of(plan, name, 2, plan.second_start, all, dropped));
    const auto before = node_->intake->ledger();
    Delivery(*node_, starts, plan.delivery).run();
    const auto after = node_->intake->ledger();

    std::uint64_t ulps = planted == Plant::ulp ? 1 : 0;
    std::string line;
    tell(line, plan);
    tell_answers(line, *node_, starts.back(), plan, ulps);
    const auto placed = after.answered - before.answered + after.duplicate - before.duplicate;
    line += fmt::format(R"(,"ledger":{{"answered":{},"duplicate":{},"rest":{}}}}})",
                        after.answered - before.answered, after.duplicate - before.duplicate,
                        after.taken - before.taken - placed);
    if (ulps != 0) return {};
    return oracle_.ask(line);
  }
  [[nodiscard]] std::uint64_t number() const { return number_; }

 private:
  OrderOracle oracle_;
  std::unique_ptr<Node> node_;
  int on_node_ = 0;
  std::uint64_t number_ = 0;
};

int run(const char* script) {
  Cases cases(script);
  std::uint64_t windows = 0;
  const bool good = rc::check("the order of arrival does not matter", [&] {
    const auto verdict = cases.run(any_plan());
    if (planted != Plant::nothing) {
      RC_PRE(!verdict.empty());
      RC_ASSERT(verdict.starts_with("no "));
      return;
    }
    if (!verdict.starts_with("ok ")) RC_FAIL(verdict);
    windows += std::strtoull(verdict.c_str() + 3, nullptr, 10);
  });
  fmt::print("{} cases, {} windows compared\n", cases.number(), windows);
  return good && !testing::Test::HasFailure() ? 0 : 1;
}

}  // namespace
}  // namespace tidemark::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // The stores of the nodes, whose syncs cost nothing there.
  if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 0);
  if (argc == 3 && std::string_view(argv[1]) == "--plant") {
    using tidemark::test::Plant;
    tidemark::test::planted = std::string_view(argv[2]) == "ulp" ? Plant::ulp : Plant::drop;
  }
  return tidemark::test::run(TIDEMARK_ORDER_ORACLE);
}
