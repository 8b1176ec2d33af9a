#include "edge/source/ways_file.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/text.h"

namespace tidemark::source {
namespace {

constexpr std::string_view kHead = "tidemark series ways 1\n";
constexpr std::size_t kSpareLines = 1024;  // of the past, before a small file is written anew
constexpr std::size_t kCheckDigits = 16;

void add_escaped(std::string& out, std::string_view field) {
  for (const char c : field) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

std::string unescaped(std::string_view field) {
  std::string out;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\' || i + 1 == field.size()) {
      out += field[i];
      continue;
    }
    ++i;
    out += field[i] == 't' ? '\t' : field[i] == 'n' ? '\n' : field[i];
  }
  return out;
}

// Nothing when it is too long to be kept.
std::string line_of(const OwnedSeries& owned) {
  std::string body;
  add_escaped(body, owned.series);
  for (const auto* field : {&owned.way.source, &owned.way.topic, &owned.way.path}) {
    body += '\t';
    add_escaped(body, *field);
  }
  auto line = fmt::format("{:016x} {}\n", xxh3(as_bytes(body)), body);
  return line.size() <= WaysFile::kLineBytesMax ? line : std::string();
}

std::optional<OwnedSeries> parse(std::string_view line) {
  if (line.size() <= kCheckDigits) return std::nullopt;
  std::uint64_t check = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + kCheckDigits, check, 16);
  const auto body = line.substr(kCheckDigits + 1);
  if (error != std::errc() || end != line.data() + kCheckDigits || *end != ' ' ||
      xxh3(as_bytes(body)) != check) {
    return std::nullopt;
  }
  const auto fields = split(body, '\t');
  if (fields.size() != 4) return std::nullopt;
  return OwnedSeries{unescaped(fields[0]),
                     {unescaped(fields[1]), unescaped(fields[2]), unescaped(fields[3])}};
}

}  // namespace

WaysFile::WaysFile(const std::filesystem::path& folder) : path_(folder / "series.ways") {}

void WaysFile::read(Owners& owners) {
  std::error_code failed;
  if (!std::filesystem::exists(path_, failed) && !failed) return;
  const auto text = read_file(path_, kBytesMax);
  if (!text) return keep_aside(text.error().text());
  std::string_view rest = *text;
  if (!rest.starts_with(kHead)) return keep_aside("it is no file of ways that this version reads");
  rest.remove_prefix(kHead.size());
  std::size_t bad = 0;
  bool torn = false;  // the last line
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto owned = end == rest.npos ? std::nullopt : parse(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    ++lines_;
    torn = !owned;
    if (owned) {
      owners.load(*std::move(owned));
    } else {
      ++bad;
    }
  }
  bytes_ = text->size();
  whole_ = bad > 0;
  // At the end it is what a power cut left of a write that nobody was told to be durable.
  if (bad > 0 && !torn) {
    keep_aside(fmt::format("{} of {} do not pass their check", bad, counted(lines_, "line")));
  }
}

void WaysFile::keep_aside(const std::string& why) {
  const auto aside = path_.string() + ".damaged";
  std::error_code failed;
  std::filesystem::rename(path_, aside, failed);
  damage_ = fmt::format("{} is damaged: {}; kept as {}. Series that it no longer names belong to "
                        "the topic or source that sends them first", path_.string(), why, aside);
  log::warning("which way leads to which series is not known of all",
               "file={} error=\"{}\" kept={}", path_.string(), why, aside);
}

Result<> WaysFile::keep(Owners& owners) {
  const auto changed = owners.take_changed();
  if (changed.empty() && !whole_) return {};
  const bool past = lines_ + changed.size() > 2 * owners.size() + kSpareLines;
  auto done = whole_ || past || bytes_ == 0 ? replace(owners) : append(changed);
  whole_ = !done;
  return done;
}

Result<> WaysFile::append(const std::vector<OwnedSeries>& changed) {
  std::string text;
  for (const auto& owned : changed) text += line_of(owned);
  if (!file_) {
    TIDE_ASSIGN(file_, SystemDisk().open(path_));
  }
  TIDE_TRY(file_->write_at(bytes_, as_bytes(text)));
  TIDE_TRY(file_->sync());
  bytes_ += text.size();
  lines_ += changed.size();
  return {};
}

Result<> WaysFile::replace(const Owners& owners) {
  std::string text(kHead);
  const auto all = owners.all();
  for (const auto& owned : all) text += line_of(owned);
  file_.reset();
  TIDE_TRY(write_file(path_, text));
  bytes_ = text.size();
  lines_ = all.size();
  return {};
}

}  // namespace tidemark::source
