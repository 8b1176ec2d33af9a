// Random readings in any order, repeated, split into blocks in any way, over nodes that die at any
// time: the answers are, byte for byte, those that an oracle computes from the readings as one
// batch, and say how complete they are. With --losses some blocks never come (evicted, or gone with
// the power, or with the medium and all that its start had not sent), some readings are of times to
// come, and counts of some minutes are dropped. The oracle is Python (order_oracle.py): integers
// and fractions, no code of ours.
//
//   order_property_test [--losses | --plant ulp|drop|complete]
//                                                       cases: RC_PARAMS="max_success=N seed=S"
//
// With --plant every case gets an error of one unit in the last place, loses a reading on its way,
// or tells of a window that lacks readings, or has no counts, that it is complete; and the property
// is that the oracle sees it.
#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "common/base/random.h"
#include "tests/cloud/order_oracle.h"
#include "tests/cloud/order_plan.h"
#include "tests/cloud/partial_rows.h"

namespace tidemark::test {
namespace {

constexpr int kCasesANode = 48;
constexpr int kCasesACheck = 6;  // that trusted rows of partial answers are what panes say
constexpr std::int64_t kWidths[] = {10 * kSecond, kMinute, 15 * kMinute};
constexpr const char* kViews[] = {"ten", "minute", "quarter"};
constexpr const char* kGroups = "groups";  // of a minute, over all series of a case
constexpr const char* kJoined = "joined";  // of a minute: the first series of an edge by its second
constexpr std::int64_t kMaxHold = 20 * kSecond;
constexpr std::int64_t kWithin = 25 * kSecond;
constexpr const char* kHopping = "hopping";
constexpr std::int64_t kHopSize = 40 * kSecond, kHopEvery = 15 * kSecond;
constexpr const char* kSessions = "sessions";
constexpr std::int64_t kGap = 11 * kSecond;
constexpr const char* kPlanted[] = {"mean", "twa", "increase", "integral"};

enum class Plant { nothing, ulp, drop, complete };
Plant planted = Plant::nothing;  // NOLINT: the command line's
bool with_losses = false;        // NOLINT: likewise

// Sends the frames of all starts in any order, some of them again, and brings the node down now
// and then; what it had not committed is sent once more.
class Delivery {
 public:
  Delivery(Node& node, const std::vector<Start>& starts, std::uint64_t seed)
      : node_(node), starts_(starts), random_(seed) {}

  void run() {
    for (current_ = 0; current_ < starts_.size(); ++current_) {
      greet();
      const auto& start = starts_[current_];
      for (const auto sequence : start.arriving) pool_.push_back({current_, sequence});
      for (std::size_t s = 0; s < start.seals; ++s) pool_.push_back({current_, ~s});
      if (current_ + 1 == starts_.size()) break;
      if (start.lost != kNoMinutes) drain();
      for (auto n = random_.below(pool_.size() + 1); n > 0 && !pool_.empty(); --n) step();
    }
    drain();
    if (random_.below(4) == 0 && !comes_once()) die();
    // Readings are put in order some seconds later, and what that changes is told after as many.
    for (int i = 0; i < 3; ++i) node_.settle();
  }

 private:
  struct Item {
    std::size_t start;
    std::uint64_t number;  // of a block; of a seal, inverted
  };
  void drain() {
    while (!pool_.empty()) {
      step();
      if (pool_.empty()) commit();
    }
  }
  void greet() {
    std::vector<Closing> closings;
    const auto& current = starts_[current_];
    for (std::size_t i = 0; i < current_; ++i) {
      const auto& start = starts_[i];
      if (start.lost != kNoMinutes) continue;  // nobody knows it any more
      if (start.of == current.of) {
        closings.push_back(start.edge.closing(start.durable));
      } else {
        node_.take(start.edge, start.edge.hello());
      }
    }
    node_.take(current.edge, current.edge.hello(closings));
    for (std::size_t i = 0; i <= current_; ++i) {
      node_.take(starts_[i].edge, starts_[i].edge.dictionary());
    }
  }
  void step() {
    const auto at = random_.below(pool_.size());
    const auto item = pool_[at];
    const auto& edge = starts_[item.start].edge;
    const auto lane = random_.below(2) == 0 ? Lane::live : Lane::backlog;
    node_.take(edge, item.number >> 63 != 0 ? edge.seal_frame(~item.number)
                                            : edge.block(item.number, lane));
    if (random_.below(5) != 0) {  // or it is sent once more
      pool_[at] = pool_.back();
      pool_.pop_back();
    }
    sent_.push_back(item);
    const auto dice = random_.below(24);
    if (dice < 2 || (dice == 2 && comes_once())) {
      commit();
    } else if (dice == 2) {
      die();
    }
  }
  // Something that is on its way, or was not committed, has gone with the power at its edge.
  [[nodiscard]] bool comes_once() const {
    const auto gone = [this](const Item& item) {
      const auto& start = starts_[item.start];
      if (item.start == current_ || start.of != starts_[current_].of) return false;
      return item.number >> 63 != 0
                 ? start.edge.seals[~item.number].next.count > start.durable + 1
                 : item.number > start.durable;
    };
    return std::any_of(pool_.begin(), pool_.end(), gone) ||
           std::any_of(sent_.begin(), sent_.end(), gone);
  }
  void commit() {
    node_.commit();
    sent_.clear();
    node_.clock.advance(std::chrono::milliseconds(random_.below(9000)));
  }
  void die() {
    node_.kill();
    if (random_.below(4) == 0) {  // they are made again
      open_store(node_)->run("DELETE FROM partials WHERE (edge + start / 60000000000) % 2 = 0");
    }
    node_.start();
    pool_.insert(pool_.end(), sent_.begin(), sent_.end());
    sent_.clear();
    greet();
  }

  Node& node_;
  const std::vector<Start>& starts_;
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
    for (const auto* name : {"twa", "integral", "increase", "time_in_state", "p50", "p99",
                             "distinct"}) {
      view.aggregates.emplace_back(name);
    }
    all.push_back(std::move(view));
  }
  for (const auto* name : {kHopping, kSessions}) {
    auto view = all.front();
    view.name = name;
    if (name == kHopping) {
      view.window = {"hopping", Nanoseconds(kHopSize), Nanoseconds(kHopEvery)};
      view.emit.subscribed = true;
    } else {
      view.window = {"session", Nanoseconds(kGap), {}, {}, Nanoseconds(kGap)};
    }
    all.push_back(std::move(view));
  }
  auto group = answers::built_in_view();
  group.name = kGroups;
  group.group_by = {"case"};
  for (const auto* name : {"twa", "integral", "increase"}) group.aggregates.emplace_back(name);
  all.push_back(std::move(group));
  auto joined = answers::built_in_view();
  joined.name = kJoined;
  joined.group_by = {"case", "edge"};
  joined.inputs = {{"a", answers::Selection("*/m0")}, {"b", answers::Selection("*/m1")}};
  joined.joins = {{"j", fmt::format("a / b - 3 at a within {}s", kWithin / kSecond)}};
  for (const auto* name : {"count", "sum", "mean", "stddev", "min", "max", "first", "last"}) {
    joined.figures[name] = fmt::format("{}(j)", name);
  }
  joined.figures["alone"] = "unpaired(j)";
  joined.figures["formula"] = "sum(a) / count(b) - min(a)";
  all.push_back(std::move(joined));
  return all;
}

void tell(std::string& out, const std::vector<Start>& starts) {
  fmt::format_to(std::back_inserter(out), R"("ahead":{},"starts":[)", kAhead);
  const char* comma = "";
  for (const auto& s : starts) {
    std::vector<std::uint64_t> evicted;
    for (const auto& [number, record] : s.edge.blocks) {
      if (s.last_seal().evicted.contains(Sequence{number})) evicted.push_back(number);
    }
    const auto minutes = [](const std::pair<std::int64_t, std::int64_t>& m) {
      return m.first > m.second ? std::string() : fmt::format("{},{}", m.first, m.second);
    };
    fmt::format_to(std::back_inserter(out),
                   R"({}{{"edge":{},"counted":{},"arrived":[{}],"evicted":[{}],"dropped":[{}],)"
                   R"("unheard":[{}]}})",
                   comma, s.of, s.last_seal().next.count, fmt::join(s.arriving, ","),
                   fmt::join(evicted, ","), minutes(s.dropped), minutes(s.lost));
    comma = ",";
  }
  out += "],";
}

void tell(std::string& out, const Plan& plan, const std::vector<Start>& starts) {
  constexpr const char* kTypes[] = {"f64", "i64", "boolean", "text"};
  fmt::format_to(std::back_inserter(out),
                 R"({{"stamped":{},"until":{},"widths":[{}],"max_hold":{},"within":{},"gap":{},)"
                 R"("hop":[{},{}],)",
                 plan.stamped, plan.until, fmt::join(kWidths, ","), kMaxHold, kWithin, kGap,
                 kHopSize, kHopEvery);
  tell(out, starts);
  fmt::format_to(std::back_inserter(out), R"("per_edge":{},"series":[)", plan.series.size());
  const char* comma = "";
  for (int edge = 0; edge < (plan.two_edges ? 2 : 1); ++edge) {
    for (const auto& [type, exponent] : plan.series) {
      fmt::format_to(std::back_inserter(out), R"({}{{"type":"{}","exponent":{}}})", comma,
                     kTypes[static_cast<std::size_t>(type)], exponent);
      comma = ",";
    }
  }
  out += R"(],"readings":[)";
  comma = "";
  for (std::size_t i = 0; i < plan.readings.size(); ++i) {
    const auto& r = plan.readings[i];
    const bool later = i >= plan.second_start;
    const bool second = plan.two_edges && later;
    const auto start = later ? starts.size() - 1 : 0;
    const auto type = plan.series[r.series].first;
    const auto bits = std::bit_cast<std::uint64_t>(r.f64);
    const auto value = type == ValueType::f64    ? std::to_string(bits)
                       : type == ValueType::text ? '"' + r.text + '"'
                                                 : std::to_string(r.i64);
    fmt::format_to(std::back_inserter(out), "{}[{},{},{},{},{},{}]", comma,
                   r.series + (second ? plan.series.size() : 0), r.time, value,
                   !is_bad(r.quality), start,
                   starts[start].block_of[i - (later ? plan.second_start : 0)]);
    comma = ",";
  }
  out += "]";
}

// What is still to be planted; nothing afterwards, if it could be.
struct Planting {
  std::uint64_t ulps = 0;  // are added to the first figure of that name that is there
  const char* in = "";
  // The first minute of a series that lost readings, or of which nobody knows, is told as complete.
  bool complete = false;
};

void tell(std::string& out, const answers::Answer& a, std::size_t series, Planting& planting) {
  const bool proved = a.state == answers::State::sealed || a.state == answers::State::revised;
  auto completeness = a.completeness.value_or(-1);
  auto lost = a.lost;
  if (planting.complete && (a.lost > 0 || !a.completeness) && a.view == kViews[1]) {
    completeness = 1;
    lost = 0;
    planting.complete = false;
  }
  fmt::format_to(std::back_inserter(out), "[{},{},{},{},{},{},{},{{", (a.end - a.start).count(),
                 series, count_ns(a.start), proved, completeness, lost, a.approximate);
  const char* comma = "";
  for (const auto& [name, value] : a.values) {
    if (value) {
      const auto planted_bits = name == planting.in ? std::exchange(planting.ulps, 0) : 0;
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
  fmt::format_to(std::back_inserter(out), "}},{}]", a.estimated);
}

// What the node answers about the edges, and about their groups: 0 numbers, 1 texts.
void tell_answers(std::string& out, Node& node, const std::vector<std::string>& edges,
                  const EdgeDouble& any, const Plan& plan, Planting& planting) {
  auto reader = query::Reader::open(node.folder.path).value();
  const auto tell_all = [&](const query::AnswerQuery& q, const auto& index_of) {
    bool first = true;
    const auto all = reader->answers(q);
    // A session may go on until its gap is proved, and may have become part of another.
    const auto until = q.view == kSessions ? plan.until - kGap : plan.until;
    for (const auto& a : all.value()) {
      if (count_ns(a.end) > until || a.state == answers::State::withdrawn) continue;
      if (!std::exchange(first, false)) out += ",";
      tell(out, a, index_of(a), planting);
    }
    return !first;
  };
  out += R"(,"groups":[)";
  query::AnswerQuery q;
  q.view = kGroups;
  q.select.labels["case"] = any.series()[0].labels.at("case");
  tell_all(q, [&](const answers::Answer& a) {
    return static_cast<std::size_t>(a.unit == kTextUnit ? 1 : 0);
  });
  out += R"(],"joined":[)";
  bool some_joined = false;
  for (std::size_t e = 0; e < edges.size(); ++e) {
    q = {};
    q.view = kJoined;
    q.select = edges[e] + "/**";
    if (some_joined) out += ",";
    some_joined = tell_all(q, [&](const answers::Answer&) { return e; });
    if (!some_joined && out.back() == ',') out.pop_back();
    some_joined = out.back() == ']';
  }
  const auto tell_view = [&](const char* view) {
    for (std::size_t e = 0; e < edges.size(); ++e) {
      q = {};
      q.view = view;
      q.select = edges[e] + "/**";
      const bool some = tell_all(q, [&](const answers::Answer& a) {
        std::uint32_t series = 0;
        while (edges[e] + "/" + any.series()[series].local_name() != a.series) ++series;
        return series + e * plan.series.size();
      });
      if (some) out += ",";
    }
  };
  const auto end_list = [&] {
    if (out.back() == ',') out.pop_back();
    out += "]";
  };
  out += R"(],"answers":[)";
  for (const auto* view : kViews) tell_view(view);
  end_list();
  for (const auto* view : {kHopping, kSessions}) {
    fmt::format_to(std::back_inserter(out), R"(,"{}":[)", view);
    tell_view(view);
    end_list();
  }
}

// Whether the block of this reading was made: of one that had no other nobody hears.
bool comes(const Plan& plan, const std::vector<Start>& starts, std::size_t reading) {
  const bool later = reading >= plan.second_start;
  const auto& start = later ? starts.back() : starts.front();
  const auto block = start.block_of[reading - (later ? plan.second_start : 0)];
  return std::ranges::find(start.arriving, block) != start.arriving.end();
}

class Cases {
 public:
  explicit Cases(const std::string& script) : oracle_(script) {}

  // What the oracle says; empty when nothing could be planted.
  std::string run(const Plan& plan) {
    if (!node_ || ++on_node_ > kCasesANode) {
      const intake::SeriesRule rule{"**", Nanoseconds(kMaxHold), 0};
      node_ = std::make_unique<Node>(reconcile::Horizons{}, views(), std::vector{rule});
      on_node_ = 0;
    }
    const auto name = fmt::format("e{}", ++number_);
    const auto all = plan.readings.size();
    const auto dropped = planted == Plant::drop ? plan.delivery % all : all;
    const auto second = plan.two_edges ? name + "b" : name;
    std::vector<Start> starts;
    if (plan.second_start > 0) {
      starts.push_back(start_of(plan, name, 1, name, 0, plan.second_start, dropped));
    }
    starts.push_back(start_of(plan, second, 2, name, plan.second_start, all, dropped));
    starts.back().of = plan.two_edges ? 1 : 0;
    if (plan.wiped) wipe(plan, starts.front(), starts.back());
    if (planted == Plant::drop && !comes(plan, starts, dropped)) return {};
    const auto before = node_->intake->ledger();
    Delivery(*node_, starts, plan.delivery).run();
    const auto after = node_->intake->ledger();

    Planting planting{planted == Plant::ulp ? std::uint64_t{1} : 0,
                      kPlanted[plan.delivery % std::size(kPlanted)], planted == Plant::complete};
    std::string line;
    tell(line, plan, starts);
    std::vector<std::string> edges = {name};
    if (plan.two_edges) edges.push_back(second);
    tell_answers(line, *node_, edges, starts.back().edge, plan, planting);
    auto of_case = after;
    of_case -= before;
    const auto placed = of_case.answered + of_case.duplicate + of_case.quarantined +
                        of_case.evicted + of_case.lost;
    line += fmt::format(R"(,"ledger":{{"answered":{},"duplicate":{},"quarantined":{},)"
                        R"("evicted":{},"lost":{},"rest":{}}}}})",
                        of_case.answered, of_case.duplicate, of_case.quarantined, of_case.evicted,
                        of_case.lost, of_case.taken - placed);
    if (planting.ulps != 0 || planting.complete) return {};
    if (on_node_ % kCasesACheck == 0) {
      if (auto untrue = untrue_partials(*node_); !untrue.empty()) return untrue;
    }
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
    const auto verdict = cases.run(any_plan(planted == Plant::complete ? 1 : 0,
                                            with_losses ? 7 : 0));
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
  tidemark::test::with_losses = argc == 2 && std::string_view(argv[1]) == "--losses";
  if (argc == 3 && std::string_view(argv[1]) == "--plant") {
    using tidemark::test::Plant;
    const std::string_view what = argv[2];
    tidemark::test::planted = what == "ulp"        ? Plant::ulp
                              : what == "complete" ? Plant::complete
                                                   : Plant::drop;
    tidemark::test::with_losses = what == "complete";
  }
  return tidemark::test::run(TIDEMARK_ORDER_ORACLE);
}
