#include "bench/codec/measure.h"

#include <time.h>

#include <bit>
#include <limits>

namespace tidemark::bench {
namespace {

struct Series {
  std::vector<Batch> batches;
};

Column column_of(std::span<const std::uint64_t> bits, bool integers) {
  Column column;
  column.type = integers ? ValueType::i64 : ValueType::f64;
  for (const auto b : bits) {
    if (integers) {
      column.i64.push_back(static_cast<std::int64_t>(b));
    } else {
      column.f64.push_back(std::bit_cast<double>(b));
    }
  }
  return column;
}

std::vector<Series> batches_of(const Set& set, std::size_t rows) {
  std::vector<Series> all;
  for (const auto& r : set.recordings) {
    Series series;
    const std::span<const std::uint64_t> bits(r.bits);
    for (std::size_t at = 0; at + rows <= bits.size(); at += rows) {
      const auto part = bits.subspan(at, rows);
      series.batches.push_back({part, r.integers, column_of(part, r.integers)});
    }
    if (!series.batches.empty()) all.push_back(std::move(series));
  }
  return all;
}

// Encodes and decodes all once; the first pass also counts and compares.
void run_pass(const std::vector<Series>& all, Coder& coder, bool first, Figure& figure,
              std::vector<std::size_t>& sizes) {
  std::vector<ByteVector> encoded;
  for (const auto& s : all) {
    for (std::size_t i = 0; i < s.batches.size(); ++i) encoded.emplace_back();
  }
  std::size_t at = 0;
  auto begin = cpu_seconds();
  for (const auto& s : all) {
    coder.begin_series();
    for (const auto& b : s.batches) coder.encode(b, encoded[at++]);
  }
  figure.encode_s = std::min(figure.encode_s, cpu_seconds() - begin);

  at = 0;
  bool read = true;
  begin = cpu_seconds();
  for (const auto& s : all) {
    for (const auto& b : s.batches) read &= coder.decode(encoded[at++], b);
  }
  figure.decode_s = std::min(figure.decode_s, cpu_seconds() - begin);
  figure.exact &= read;
  if (!first) return;

  at = 0;
  sizes.clear();
  for (const auto& s : all) {
    for (const auto& b : s.batches) {
      const auto& bytes = encoded[at++];
      figure.exact &= coder.decode(bytes, b) && coder.same(b);
      sizes.push_back(coder.payload(bytes, b));
      figure.values += b.bits.size();
      figure.bytes += sizes.back();
    }
  }
}

}  // namespace

double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

std::vector<Figure> measure(const Set& set, std::size_t rows, int passes,
                            const std::vector<std::unique_ptr<Coder>>& coders) {
  const auto all = batches_of(set, rows);
  if (all.empty()) return {};
  std::vector<Figure> figures(coders.size());
  for (auto& f : figures) f.encode_s = f.decode_s = std::numeric_limits<double>::max();
  std::vector<std::size_t> first_sizes, sizes;
  for (int pass = 0; pass < passes; ++pass) {
    for (std::size_t c = 0; c < coders.size(); ++c) {
      // Twice: the first finds the caches as another coder left them, the second as a recording
      // that goes on does. The better one counts, for all coders alike.
      run_pass(all, *coders[c], pass == 0, figures[c], sizes);
      run_pass(all, *coders[c], false, figures[c], sizes);
      if (pass != 0) continue;
      if (c == 0) first_sizes = sizes;
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        const auto over = sizes[i] - std::min(sizes[i], first_sizes[i]);
        figures[c].worst_over_first = std::max(figures[c].worst_over_first, over);
      }
    }
  }
  return figures;
}

}  // namespace tidemark::bench
