// The targets of issue 4, each against what came out.
#include <fmt/format.h>

#include <algorithm>

#include "bench/codec/report.h"

namespace tidemark::bench {
namespace {

class Judge {
 public:
  explicit Judge(const Results& results) : r_(results) {}

  void bits(const char* coder, std::size_t rows, double at_most) {
    const auto* set = rows_of(rows);
    const auto c = index_of(coder);
    if (set == nullptr || c == kNone) return;
    const auto measured = geometric_bits(*set, c);
    add(fmt::format("{} <= {} bits per value at {} rows", coder, at_most, rows),
        fmt::format("{:.2f}", measured), measured <= at_most);
  }

  void never_larger_than_zstd(const char* coder) {
    const auto c = index_of(coder);
    std::size_t worst = 0;
    for (const auto& rows : r_.rows) {
      for (const auto& s : rows.sets) {
        if (!s.figures.empty()) worst = std::max(worst, s.figures[c].worst_over_first);
      }
    }
    add(fmt::format("{}: no batch is larger than zstd-3 + 8 bytes", coder),
        fmt::format("worst +{} bytes", worst), worst <= 8);
  }

  void exact() {
    bool all = true;
    for (const auto& rows : r_.rows) {
      for (const auto& s : rows.sets) {
        for (const auto& f : s.figures) all &= f.exact;
      }
    }
    add("every bit of every batch came back, all coders", all ? "yes" : "no", all);
  }

  // Rates as multiples of pcodec's in the same run; 0 asks for nothing.
  void against_pcodec(const char* coder, double encode, double decode) {
    const auto* rows = rows_of(kSpeedRows);
    if (rows == nullptr) return;
    const auto peer = index_of("pcodec-8");
    if (peer == kNone) {
      add(fmt::format("{}: rates against pcodec-8", coder), "no pcodec in this run", false);
      return;
    }
    const auto ours = speed_of(*rows, index_of(coder)), theirs = speed_of(*rows, peer);
    const auto one = [&](const char* what, double rate, double peer_rate, double at_least) {
      if (at_least == 0) return;
      add(fmt::format("{} {}s >= {}x pcodec-8 at {} rows", coder, what, at_least, kSpeedRows),
          fmt::format("{:.2f}x ({:.1f} / {:.1f} Mv/s)", rate / peer_rate, rate, peer_rate),
          rate >= at_least * peer_rate);
    };
    one("encode", ours.encode, theirs.encode, encode);
    one("decode", ours.decode, theirs.decode, decode);
  }

  void slowest_decode(const char* coder, double at_least) {
    const auto* rows = rows_of(kSpeedRows);
    if (rows == nullptr) return;
    const auto s = speed_of(*rows, index_of(coder));
    add(fmt::format("{} decodes >= {} Mv/s on every set at {} rows", coder, at_least, kSpeedRows),
        fmt::format("{:.1f} Mv/s", s.decode_min), s.decode_min >= at_least);
  }

  void clocks() {
    for (const auto& c : r_.clocks) {
      const auto worst = *std::ranges::max_element(c.bits);
      add(fmt::format("clock <= {} bits: {}", c.bits_max, c.name),
          fmt::format("{:.3f} (worst tier)", worst), worst <= c.bits_max);
    }
  }

  void short_columns() {
    for (const auto& s : r_.short_columns) {
      add(fmt::format("<= 3 bytes a column above {}", s.name), fmt::format("{:.2f}", s.above()),
          s.above() <= 3);
    }
  }

  std::vector<Verdict> take() { return std::move(verdicts_); }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  static constexpr std::size_t kSpeedRows = 10'000;

  void add(std::string target, std::string measured, bool met) {
    verdicts_.push_back({std::move(target), std::move(measured), met});
  }
  [[nodiscard]] std::size_t index_of(std::string_view name) const {
    const auto found = std::ranges::find(r_.coders, name);
    return found == r_.coders.end() ? kNone
                                    : static_cast<std::size_t>(found - r_.coders.begin());
  }
  [[nodiscard]] const RowsResult* rows_of(std::size_t rows) const {
    const auto found = std::ranges::find(r_.rows, rows, &RowsResult::rows);
    return found == r_.rows.end() ? nullptr : &*found;
  }

  const Results& r_;
  std::vector<Verdict> verdicts_;
};

}  // namespace

std::vector<Verdict> verdicts(const Results& results) {
  Judge judge(results);
  judge.bits("dense", 100, 9.0);
  judge.bits("dense", 1000, 7.9);
  judge.bits("dense", 10'000, 6.2);
  judge.bits("standard", 100, 10);
  judge.bits("standard", 1000, 8.4);
  judge.bits("fast", 1000, 9.2);
  for (const auto* tier : {"fast", "standard", "dense"}) judge.never_larger_than_zstd(tier);
  judge.exact();
  judge.against_pcodec("standard", 2, 1.15);
  judge.slowest_decode("standard", 150);
  judge.against_pcodec("fast", 20, 8);
  judge.against_pcodec("dense", 0.4, 0);
  judge.clocks();
  judge.short_columns();
  return judge.take();
}

}  // namespace tidemark::bench
