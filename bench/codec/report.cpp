#include "bench/codec/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace tidemark::bench {
namespace {

constexpr const char* kTiers[] = {"fast", "standard", "dense"};

void add_sizes(const Results& r, const RowsResult& rows, std::string& out) {
  out += fmt::format("\nbits per value at {} rows\n{:<20}", rows.rows, "set");
  for (const auto& c : r.coders) out += fmt::format("{:>11}", c);
  out += '\n';
  for (const auto& s : rows.sets) {
    out += fmt::format("{:<20}", s.set);
    for (const auto& f : s.figures) {
      out += fmt::format("{:>10.2f}{}", f.bits(), f.exact ? ' ' : '!');
    }
    out += s.figures.empty() ? "  no recording is that long\n" : "\n";
  }
  out += fmt::format("{:<20}", "geometric mean");
  for (std::size_t c = 0; c < r.coders.size(); ++c) {
    out += fmt::format("{:>10.2f} ", geometric_bits(rows, c));
  }
  out += '\n';
}

void add_speeds(const Results& r, std::string& out) {
  out += "\nMv/s, thread CPU time, encode/decode: harmonic mean over sets (slowest set)\n";
  out += fmt::format("{:<12}", "");
  for (const auto& rows : r.rows) out += fmt::format("{:>36}", fmt::format("{} rows", rows.rows));
  out += '\n';
  for (std::size_t c = 0; c < r.coders.size(); ++c) {
    out += fmt::format("{:<12}", r.coders[c]);
    for (const auto& rows : r.rows) {
      const auto s = speed_of(rows, c);
      out += fmt::format("{:>36}", fmt::format("{:.1f}/{:.1f} ({:.1f}/{:.1f})", s.encode, s.decode,
                                               s.encode_min, s.decode_min));
    }
    out += '\n';
  }
}

nlohmann::ordered_json json_of(const RowsResult& rows, const Results& r) {
  nlohmann::ordered_json out = {{"rows", rows.rows}};
  for (std::size_t c = 0; c < r.coders.size(); ++c) {
    const auto speed = speed_of(rows, c);
    auto& coder = out["coders"][r.coders[c]];
    coder = {{"bits", geometric_bits(rows, c)},
             {"encode_mvs", speed.encode},
             {"decode_mvs", speed.decode},
             {"encode_mvs_min", speed.encode_min},
             {"decode_mvs_min", speed.decode_min}};
    for (const auto& s : rows.sets) {
      if (s.figures.empty()) continue;
      const auto& f = s.figures[c];
      coder["sets"][s.set] = {{"bits", f.bits()},
                              {"encode_mvs", f.encode_mvs()},
                              {"decode_mvs", f.decode_mvs()},
                              {"exact", f.exact},
                              {"worst_over_zstd", f.worst_over_first}};
    }
  }
  return out;
}

}  // namespace

double geometric_bits(const RowsResult& rows, std::size_t coder) {
  double sum = 0, count = 0;
  for (const auto& s : rows.sets) {
    if (s.figures.empty()) continue;
    sum += std::log(s.figures[coder].bits());
    ++count;
  }
  return count > 0 ? std::exp(sum / count) : 0;
}

Speed speed_of(const RowsResult& rows, std::size_t coder) {
  Speed speed;
  double encode = 0, decode = 0, count = 0;
  for (const auto& s : rows.sets) {
    if (s.figures.empty()) continue;
    const auto& f = s.figures[coder];
    encode += 1 / f.encode_mvs();
    decode += 1 / f.decode_mvs();
    speed.encode_min = count > 0 ? std::min(speed.encode_min, f.encode_mvs()) : f.encode_mvs();
    speed.decode_min = count > 0 ? std::min(speed.decode_min, f.decode_mvs()) : f.decode_mvs();
    ++count;
  }
  if (count > 0) speed.encode = count / encode, speed.decode = count / decode;
  return speed;
}

std::string as_text(const Results& r) {
  std::string out;
  for (const auto& rows : r.rows) add_sizes(r, rows, out);
  add_speeds(r, out);
  out += fmt::format("\nclocks, bits for each instant at 1,000 rows\n{:<28}", "");
  for (const auto* tier : kTiers) out += fmt::format("{:>10}", tier);
  out += '\n';
  for (const auto& c : r.clocks) {
    out += fmt::format("{:<28}", c.name);
    for (const auto b : c.bits) out += fmt::format("{:>10.3f}", b);
    out += '\n';
  }
  out += "\n1,000 series x 5 rows, standard: bytes a column\n";
  out += fmt::format("{:<40}{:>10}{:>10}{:>10}\n", "", "in all", "values", "above");
  for (const auto& s : r.short_columns) {
    out += fmt::format("{:<40}{:>10.2f}{:>10.2f}{:>10.2f}\n", s.name, s.bytes, s.packed, s.above());
  }
  out += fmt::format("\n8 series x 1,000 rows, standard: outline {:.1f} us, decode {:.1f} us\n",
                     r.skipping.outline_us, r.skipping.decode_us);
  out += "\ntargets\n";
  for (const auto& v : verdicts(r)) {
    out += fmt::format("{:<8} {:<58} {}\n", v.met ? "met" : "NOT MET", v.target, v.measured);
  }
  return out;
}

std::string as_json(const Results& r) {
  nlohmann::ordered_json out = {{"v", 1}};
  for (const auto& rows : r.rows) out["sizes"].push_back(json_of(rows, r));
  for (const auto& c : r.clocks) {
    for (std::size_t t = 0; t < c.bits.size(); ++t) out["clocks"][c.name][kTiers[t]] = c.bits[t];
  }
  for (const auto& s : r.short_columns) {
    out["short_columns"][s.name] = {{"bytes", s.bytes}, {"packed", s.packed}};
  }
  out["skipping"] = {{"outline_us", r.skipping.outline_us}, {"decode_us", r.skipping.decode_us}};
  for (const auto& v : verdicts(r)) {
    out["targets"].push_back({{"target", v.target}, {"measured", v.measured}, {"met", v.met}});
  }
  return out.dump(1) + "\n";
}

}  // namespace tidemark::bench
