#include "common/cli/codec_command.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

#include "common/base/exit_code.h"
#include "common/cli/named_file.h"
#include "common/cli/series_file.h"

namespace tidemark::cli {
namespace {

struct Words {
  std::string in, out, file;
  std::string tier = "standard";
  std::uint64_t rows_per_block = 1000;
  bool json = false;
};

codec::Tier tier_of(const std::string& word) {
  return word == "fast"    ? codec::Tier::fast
         : word == "dense" ? codec::Tier::dense
                           : codec::Tier::standard;
}

constexpr std::uint64_t kFileBytesMax = std::uint64_t{4} << 30;

int no_input(const Error& error, Output& output) {
  const int code = output.fail(error);
  return error.fault() == Fault::unavailable ? kExitNoInput : code;
}

std::uint64_t rows_of(const SeriesFile& file) {
  std::uint64_t rows = 0;
  for (const auto& b : file.blocks) rows += b.groups[0].times.size();
  return rows;
}

// What was done, for people; on standard error when standard output has the result itself.
void tell(const SeriesFile& file, std::size_t bytes, const Words& words, Output& output) {
  const auto text =
      words.json ? nlohmann::ordered_json{{"v", 1},
                                          {"rows", rows_of(file)},
                                          {"blocks", file.blocks.size()},
                                          {"bytes", bytes}}
                           .dump() + "\n"
                 : fmt::format("{} rows, {} blocks, {} bytes\n", rows_of(file),
                               file.blocks.size(), bytes);
  if (words.out == "-") {
    output.err(text);
  } else {
    output.out(text);
  }
}

int needs_both(const Words& words, Output& output) {
  if (words.in.empty()) return output.usage("--in is missing: a file, or - for standard input");
  if (words.out.empty()) return output.usage("--out is missing: a file, or - for standard output");
  return kExitOk;
}

int encode(const Words& words, Output& output) {
  if (const int code = needs_both(words, output); code != kExitOk) return code;
  if (words.rows_per_block < 1 || words.rows_per_block > codec::kRowsMax) {
    return output.usage(fmt::format("--rows-per-block: 1 to {}", codec::kRowsMax));
  }
  const auto text = read_named(words.in, kFileBytesMax);
  if (!text.ok()) return no_input(text.error(), output);
  auto file = parse_csv(*text, words.in, words.rows_per_block);
  if (!file.ok()) return output.fail(file.error());
  file->tier = tier_of(words.tier);
  const auto bytes = to_tdm(*file);
  if (!bytes.ok()) {
    return output.fail(Error(bytes.error()).within(words.in),
                       fmt::format("--rows-per-block {}",
                                   std::max<std::uint64_t>(1, words.rows_per_block / 4)));
  }
  if (const auto done = write_named(words.out, *bytes); !done.ok()) {
    return output.fail(done.error());
  }
  tell(*file, bytes->size(), words, output);
  return kExitOk;
}

int decode(const Words& words, Output& output) {
  if (const int code = needs_both(words, output); code != kExitOk) return code;
  const auto bytes = read_named(words.in, kFileBytesMax);
  if (!bytes.ok()) return no_input(bytes.error(), output);
  const auto file = parse_tdm(*bytes, words.in);
  if (!file.ok()) return output.fail(file.error());
  const auto csv = to_csv(*file);
  if (const auto done = write_named(words.out, csv); !done.ok()) return output.fail(done.error());
  tell(*file, csv.size(), words, output);
  return kExitOk;
}

std::uint64_t cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(t.tv_nsec);
}

constexpr int kPasses = 5;
template <typename Pass>
std::uint64_t best_of_passes(Pass pass) {
  auto best = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < kPasses; ++i) {
    const auto begin = cpu_ns();
    pass();
    best = std::min(best, cpu_ns() - begin);
  }
  return best;
}

// Values take what a block takes more than one with its times alone; a column has its share of that
// by what it would take in a block of its own, so that columns add up to the values. Those of the
// times are the clock's alone, first instant and all. The head of a block counts in the file.
struct Sizes {
  std::uint64_t timestamps = 0;
  std::uint64_t blocks = 0;
  std::uint64_t values = 0;
  std::vector<std::uint64_t> columns;
};

// `whole` in parts as `weights` are to each other, to the byte.
void share(std::uint64_t whole, const std::vector<std::uint64_t>& weights,
           std::vector<std::uint64_t>& parts) {
  std::uint64_t all = 0, so_far = 0, given = 0;
  for (const auto w : weights) all += w;
  for (const auto w : weights) {
    so_far += w;
    const auto until = all == 0 ? 0 : static_cast<std::uint64_t>(
        static_cast<long double>(whole) * so_far / static_cast<long double>(all));
    parts.push_back(until - given);
    given = until;
  }
}

Result<Sizes> sizes_of(const SeriesFile& file) {
  Sizes sizes;
  std::vector<std::uint64_t> alone_bytes(file.names.size());
  codec::Memories memories, of_whole;
  for (const auto& block : file.blocks) {
    TIDE_ASSIGN(const auto whole, codec::encode(block, file.tier, of_whole));
    Block alone;
    alone.groups.resize(1);
    alone.groups[0].times = block.groups[0].times;
    TIDE_ASSIGN(const auto times, codec::encode(alone, file.tier));
    sizes.blocks += whole.size();
    sizes.timestamps += codec::encode_times(alone.groups[0].times, file.tier).size();
    sizes.values += whole.size() - std::min(whole.size(), times.size());
    for (std::size_t i = 0; i < file.names.size(); ++i) {
      alone.groups[0].columns = {block.groups[0].columns[i]};
      TIDE_ASSIGN(const auto one, codec::encode(alone, file.tier, memories));
      alone_bytes[i] += one.size() - std::min(one.size(), times.size());
    }
  }
  share(sizes.values, alone_bytes, sizes.columns);
  return sizes;
}

// The method that most blocks took; of equal ones the first by name.
codec::Method method_of_most(const SeriesFile& file, std::size_t column) {
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> seen;
  for (const auto& b : file.blocks) {
    auto m = codec::method_of(b.groups[0].columns[column], file.tier);
    ++seen[{std::move(m.mode), std::move(m.predictor), std::move(m.coder)}];
  }
  if (seen.empty()) return {"empty", "none", "none"};
  const auto most = std::max_element(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
    return a.second < b.second;
  });
  const auto& [mode, predictor, coder] = most->first;
  return {mode, predictor, coder};
}

int stat(const Words& words, Output& output) {
  const auto bytes = read_named(words.file, kFileBytesMax);
  if (!bytes.ok()) return no_input(bytes.error(), output);
  const auto file = parse_tdm(*bytes, words.file);
  if (!file.ok()) return output.fail(file.error());
  const auto sizes = sizes_of(*file);
  if (!sizes.ok()) return output.fail(sizes.error());
  std::vector<ByteVector> encoded;
  codec::Memories memories;
  for (const auto& b : file->blocks) {
    encoded.push_back(*codec::encode(b, file->tier, memories));
  }
  const auto rows = rows_of(*file);
  const auto encode_ns = best_of_passes([&] {
    codec::Memories anew;
    for (const auto& b : file->blocks) static_cast<void>(codec::encode(b, file->tier, anew));
  });
  const auto decode_ns = best_of_passes([&] {
    for (const auto& b : encoded) static_cast<void>(codec::decode(b));
  });
  nlohmann::ordered_json out = {{"v", 1},
                                {"rows", rows},
                                {"blocks", file->blocks.size()},
                                {"timestamp_bytes", sizes->timestamps},
                                {"value_bytes", sizes->values},
                                {"file_bytes", bytes->size()},
                                {"encode_ns", encode_ns},
                                {"decode_ns", decode_ns},
                                {"columns", nlohmann::ordered_json::array()}};
  for (std::size_t i = 0; i < file->names.size(); ++i) {
    const auto method = method_of_most(*file, i);
    out["columns"].push_back({{"name", file->names[i]},
                              {"mode", method.mode},
                              {"predictor", method.predictor},
                              {"coder", method.coder},
                              {"bytes", sizes->columns[i]}});
  }
  if (words.json) {
    output.out(out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return kExitOk;
  }
  const auto values = static_cast<double>(std::max<std::uint64_t>(1, rows * file->names.size()));
  output.out(fmt::format("{} rows in {} blocks, {:.2f} bytes a value with its share of times\n",
                         rows, file->blocks.size(), static_cast<double>(sizes->blocks) / values));
  for (const auto& c : out["columns"]) {
    output.out(fmt::format("  {:<24} {:>10} bytes  {} {} {}\n", c["name"].get<std::string>(),
                           c["bytes"].get<std::uint64_t>(), c["mode"].get<std::string>(),
                           c["predictor"].get<std::string>(), c["coder"].get<std::string>()));
  }
  return kExitOk;
}

}  // namespace

void add_codec(Command& parent, Output& output) {
  const auto words = std::make_shared<Words>();  // lives as long as the actions
  auto& codec = parent.add("codec", "Packs recordings as blocks, to measure the codec.");
  codec.add("encode", "CSV (timestamp_ns, values) into blocks.")
      .option("--in", words->in, "CSV file, - for standard input.", "FILE")
      .option("--out", words->out, "File of blocks (.tdm), - for standard output.", "FILE")
      .option("--rows-per-block", words->rows_per_block,
              fmt::format("Rows of a block, which decodes alone: 1 to {}, else {}.",
                          codec::kRowsMax, words->rows_per_block))
      .choice("--tier", words->tier, {"fast", "standard", "dense"},
              "How hard to try, else standard.")
      .flag("--json", words->json, "One JSON object.")
      .action([words, &output] { return encode(*words, output); });
  codec.add("decode", "Blocks into CSV: the same numbers to the bit.")
      .option("--in", words->in, "File of blocks (.tdm), - for standard input.", "FILE")
      .option("--out", words->out, "CSV file, - for standard output.", "FILE")
      .flag("--json", words->json, "One JSON object.")
      .action([words, &output] { return decode(*words, output); });
  codec.add("stat", "Sizes, methods and CPU time of a file of blocks.")
      .argument("FILE", words->file, "File of blocks (.tdm).")
      .flag("--json", words->json, "One JSON object.")
      .action([words, &output] { return stat(*words, output); });
}

}  // namespace tidemark::cli
