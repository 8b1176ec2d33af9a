#include "common/cli/codec_command.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/base/exit_code.h"
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

int encode(const Words& words, Output& output) {
  if (words.rows_per_block < 1 || words.rows_per_block > codec::kRowsMax) {
    return output.usage(fmt::format("--rows-per-block: 1 to {}", codec::kRowsMax));
  }
  auto file = read_csv(words.in, words.rows_per_block);
  if (!file.ok()) return output.fail(file.error());
  file->tier = tier_of(words.tier);
  const auto bytes = write_tdm(*file, words.out);
  if (!bytes.ok()) return output.fail(bytes.error());
  output.out(fmt::format("{} blocks, {} bytes\n", file->blocks.size(), *bytes));
  return kExitOk;
}

int decode(const Words& words, Output& output) {
  const auto file = read_tdm(words.in);
  if (!file.ok()) return output.fail(file.error());
  const auto written = write_csv(*file, words.out);
  return written.ok() ? kExitOk : output.fail(written.error());
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

// A column's bytes are those that it adds to a block with times only, with its footer; those of
// the times are the clock's alone, first instant and all. The head of a block counts in the file.
struct Sizes {
  std::uint64_t timestamps = 0;
  std::uint64_t blocks = 0;
  std::uint64_t values = 0;
  std::vector<std::uint64_t> columns;
};

Result<Sizes> sizes_of(const SeriesFile& file) {
  Sizes sizes;
  sizes.columns.resize(file.names.size());
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
      sizes.columns[i] += one.size() - std::min(one.size(), times.size());
    }
  }
  return sizes;
}

int stat(const Words& words, Output& output) {
  const auto file = read_tdm(words.file);
  if (!file.ok()) return output.fail(file.error());
  const auto sizes = sizes_of(*file);
  if (!sizes.ok()) return output.fail(sizes.error());
  std::vector<ByteVector> encoded;
  codec::Memories memories;
  for (const auto& b : file->blocks) {
    encoded.push_back(*codec::encode(b, file->tier, memories));
  }
  std::uint64_t rows = 0;
  for (const auto& b : file->blocks) rows += b.groups[0].times.size();
  const auto encode_ns = best_of_passes([&] {
    codec::Memories anew;
    for (const auto& b : file->blocks) static_cast<void>(codec::encode(b, file->tier, anew));
  });
  const auto decode_ns = best_of_passes([&] {
    for (const auto& b : encoded) static_cast<void>(codec::decode(b));
  });
  std::error_code ignored;
  nlohmann::ordered_json out = {{"v", 1},
                                {"rows", rows},
                                {"blocks", file->blocks.size()},
                                {"timestamp_bytes", sizes->timestamps},
                                {"value_bytes", sizes->values},
                                {"file_bytes", std::filesystem::file_size(words.file, ignored)},
                                {"encode_ns", encode_ns},
                                {"decode_ns", decode_ns},
                                {"columns", nlohmann::ordered_json::array()}};
  for (std::size_t i = 0; i < file->names.size(); ++i) {
    const auto method = file->blocks.empty()
                            ? codec::Method{"empty", "none", "none"}
                            : codec::method_of(file->blocks[0].groups[0].columns[i], file->tier);
    out["columns"].push_back({{"name", file->names[i]},
                              {"mode", method.mode},
                              {"predictor", method.predictor},
                              {"coder", method.coder},
                              {"bytes", sizes->columns[i]}});
  }
  if (words.json) {
    output.out(out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
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
      .option("--in", words->in, "CSV file.", "FILE")
      .option("--out", words->out, "File of blocks (.tdm).", "FILE")
      .option("--rows-per-block", words->rows_per_block, "Every block decodes alone.")
      .choice("--tier", words->tier, {"fast", "standard", "dense"}, "How hard to try.")
      .action([words, &output] { return encode(*words, output); });
  codec.add("decode", "Blocks into CSV: the same numbers to the bit.")
      .option("--in", words->in, "File of blocks (.tdm).", "FILE")
      .option("--out", words->out, "CSV file.", "FILE")
      .action([words, &output] { return decode(*words, output); });
  codec.add("stat", "Sizes, methods and CPU time of a file of blocks.")
      .argument("FILE", words->file, "File of blocks (.tdm).")
      .flag("--json", words->json, "One JSON object.")
      .action([words, &output] { return stat(*words, output); });
}

}  // namespace tidemark::cli
