#include "common/codec/sequence.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <optional>
#include <vector>

#include "common/codec/predictor.h"
#include "common/codec/residuals.h"
#include "common/codec/value_table.h"

namespace tidemark::codec {
namespace {

// First bytes beside those of Prediction.
constexpr std::uint8_t kTable = 6;
constexpr std::uint8_t kDivided = 7;
constexpr std::uint8_t kDeltaTable = 8;

unsigned taps_of(Tier tier, const Effort& effort) {
  if (!effort.linear || tier == Tier::fast) return 0;
  return tier == Tier::dense ? kTapsMax : 8;
}

// The greatest common divisor of all differences, or 1 when it does not pay.
std::uint64_t divisor_of(std::span<const std::int64_t> values) {
  std::uint64_t divisor = 0;
  for (std::size_t i = 1; i < values.size() && divisor != 1; ++i) {
    const auto d = minus(values[i], values[0]);
    const auto size = d < 0 ? 0 - static_cast<std::uint64_t>(d) : static_cast<std::uint64_t>(d);
    if (divisor == 0 || size % divisor != 0) divisor = std::gcd(divisor, size);
  }
  return divisor == 0 || divisor >= std::uint64_t{1} << 62 ? 1 : divisor;
}

void write_plain(Tier tier, const Predictor& p, std::span<const std::int64_t> values,
                 ByteWriter& out) {
  write_predictor(p, out);
  if (p.leaves_nothing()) return;
  thread_local std::vector<std::int64_t> residuals;
  predict(p, values, residuals);
  write_residuals(tier, residuals, out);
}

// Residuals into values, then on to whom they are for.
class Restoring final : public Consumer {
 public:
  Restoring(const Predictor& p, Values& to) : restorer_(p), begin_(p.begin()), to_(to) {}
  void take(std::int64_t* residuals, std::size_t at, std::size_t n) override {
    restorer_.restore(residuals, begin_ + at, n);
    to_.take(residuals, begin_ + at, n);
  }

 private:
  Restorer restorer_;
  std::size_t begin_;
  Values& to_;
};

bool read_plain(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  const auto p = read_predictor(in);
  if (!in.ok()) return false;
  if (p.leaves_nothing()) {
    std::array<std::int64_t, kStep> step;
    auto v = p.first;
    for (std::size_t at = 0; at < count; at += kStep) {
      const auto n = std::min(kStep, count - at);
      for (std::size_t i = 0; i < n; ++i, v = plus(v, p.mean)) step[i] = v;
      to.take(step.data(), at, n);
    }
    return true;
  }
  if (p.begin() == 1) {
    auto first = p.first;
    to.take(&first, 0, 1);
  }
  Restoring restoring(p, to);
  return read_residuals(tier, in, count - p.begin(), p.first, restoring);
}

class Into final : public Values {
 public:
  explicit Into(std::int64_t* to) : to_(to) {}
  void take(const std::int64_t* values, std::size_t at, std::size_t n) override {
    std::copy_n(values, n, to_ + at);
  }

 private:
  std::int64_t* to_;
};

// Ranks into values.
class FromTable final : public Values {
 public:
  FromTable(std::span<const std::int64_t> table, Values& to) : table_(table), to_(to) {}
  void take(const std::int64_t* values, std::size_t at, std::size_t n) override {
    std::array<std::int64_t, kStep> mapped;
    for (std::size_t i = 0; i < n; ++i) {
      const auto rank = static_cast<std::uint64_t>(values[i]);
      const bool inside = rank < table_.size();
      inside_ = inside_ && inside;
      mapped[i] = table_[inside ? static_cast<std::size_t>(rank) : 0];
    }
    to_.take(mapped.data(), at, n);
  }
  [[nodiscard]] bool inside() const { return inside_; }

 private:
  std::span<const std::int64_t> table_;
  Values& to_;
  bool inside_ = true;
};

bool read_table(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  const auto entries = in.varint();
  if (entries < 2 || entries > count) in.fail();
  if (!in.ok()) return false;
  std::vector<std::int64_t> table(static_cast<std::size_t>(entries));
  Into into(table.data());
  if (!read_plain(tier, in, table.size(), into)) return false;
  FromTable from(table, to);
  if (!read_plain(tier, in, count, from)) return false;
  if (!from.inside()) in.fail();
  return from.inside();
}

// Differences into values; row 0 is apart.
class FromDeltas final : public Values {
 public:
  FromDeltas(std::int64_t first, Values& to) : last_(first), to_(to) {}
  void take(const std::int64_t* values, std::size_t at, std::size_t n) override {
    std::array<std::int64_t, kStep> summed;
    for (std::size_t i = 0; i < n; ++i) summed[i] = last_ = plus(last_, values[i]);
    to_.take(summed.data(), at + 1, n);
  }

 private:
  std::int64_t last_;
  Values& to_;
};

bool read_delta_table(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  auto first = in.svarint();
  if (count < 2) in.fail();
  if (!in.ok()) return false;
  FromDeltas from(first, to);
  to.take(&first, 0, 1);
  return read_table(tier, in, count - 1, from);
}

class Multiplied final : public Values {
 public:
  Multiplied(std::int64_t divisor, std::int64_t base, Values& to)
      : divisor_(divisor), base_(base), to_(to) {}
  void take(const std::int64_t* values, std::size_t at, std::size_t n) override {
    std::array<std::int64_t, kStep> products;
    for (std::size_t i = 0; i < n; ++i) products[i] = plus(base_, times(values[i], divisor_));
    to_.take(products.data(), at, n);
  }

 private:
  std::int64_t divisor_, base_;
  Values& to_;
};

bool read_undivided(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  auto ahead = in;
  const auto head = ahead.u8();
  if (head != kTable && head != kDeltaTable) return read_plain(tier, in, count, to);
  in = ahead;
  return head == kTable ? read_table(tier, in, count, to) : read_delta_table(tier, in, count, to);
}

struct TablePlan {
  ValueTable table;
  Predictor entries, ranks;
  [[nodiscard]] double bits() const { return entries.bits + ranks.bits + 40; }
};

std::optional<TablePlan> plan_table(std::span<const std::int64_t> values, unsigned taps_max) {
  if (!looks_sparse(values)) return std::nullopt;
  auto table = table_of_values(values);
  if (!table) return std::nullopt;
  TablePlan plan{std::move(*table), {}, {}};
  plan.entries = choose_predictor(plan.table.values, 0);
  plan.ranks = choose_predictor(plan.table.ranks, taps_max);
  return plan;
}

void write_table(Tier tier, const TablePlan& plan, ByteWriter& out) {
  out.varint(plan.table.values.size());
  write_plain(tier, plan.entries, plan.table.values, out);
  write_plain(tier, plan.ranks, plan.table.ranks, out);
}

void write_undivided(Tier tier, std::span<const std::int64_t> values, const Predictor& plain,
                     Effort effort, ByteWriter& out) {
  if (!effort.table || plain.leaves_nothing()) return write_plain(tier, plain, values, out);
  const auto taps_max = taps_of(tier, effort);
  const auto table = plan_table(values, taps_max);
  auto best = table ? std::min(table->bits(), plain.bits) : plain.bits;
  if (plain.kind == Prediction::delta || plain.kind == Prediction::delta2) {
    thread_local std::vector<std::int64_t> deltas;
    Predictor delta;
    delta.kind = Prediction::delta;
    predict(delta, values, deltas);
    const auto of_deltas = plan_table(deltas, taps_max);
    if (of_deltas && of_deltas->bits() < best) {
      out.u8(kDeltaTable);
      out.svarint(values[0]);
      return write_table(tier, *of_deltas, out);
    }
  }
  if (!table || table->bits() >= plain.bits) return write_plain(tier, plain, values, out);
  out.u8(kTable);
  write_table(tier, *table, out);
}

}  // namespace

void write_sequence(Tier tier, std::span<const std::int64_t> values, ByteWriter& out,
                    Effort effort) {
  if (values.empty()) return;
  auto plain = choose_predictor(values, taps_of(tier, effort));
  const auto divisor = plain.leaves_nothing() ? 1 : divisor_of(values);
  if (divisor == 1) return write_undivided(tier, values, plain, effort, out);
  out.u8(kDivided);
  out.varint(divisor);
  out.svarint(values[0]);
  std::vector<std::int64_t> quotients(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    quotients[i] = minus(values[i], values[0]) / static_cast<std::int64_t>(divisor);
  }
  plain = choose_predictor(quotients, taps_of(tier, effort));
  write_undivided(tier, quotients, plain, effort, out);
}

bool read_sequence(Tier tier, ByteReader& in, std::size_t count, Values& to) {
  if (count == 0) return in.ok();
  auto ahead = in;
  if (ahead.u8() != kDivided) return read_undivided(tier, in, count, to);
  in = ahead;
  const auto divisor = static_cast<std::int64_t>(in.varint());
  const auto base = in.svarint();
  if (divisor < 2) in.fail();
  Multiplied multiplied(divisor, base, to);
  return in.ok() && read_undivided(tier, in, count, multiplied);
}

bool read_sequence(Tier tier, ByteReader& in, std::span<std::int64_t> values) {
  Into into(values.data());
  return read_sequence(tier, in, values.size(), into);
}

std::string sequence_words(ByteSpan written) {
  constexpr const char* kWords[] = {"mean", "delta", "delta2", "linear", "constant", "slope"};
  ByteReader in(written);
  auto head = in.u8();
  std::string words;
  if (head == kDivided) {
    words = "divided+";
    static_cast<void>(in.varint());
    static_cast<void>(in.svarint());
    head = in.u8();
  }
  if (head == kTable) return words + "table";
  if (head == kDeltaTable) return words + "delta+table";
  return head < std::size(kWords) ? words + kWords[head] : "none";
}

}  // namespace tidemark::codec
