#include "tests/fuzz/tdm_fuzz.h"

#include <algorithm>

#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/cli/series_file.h"
#include "common/codec/codec.h"
#include "tests/common/blocks.h"

namespace tidemark::fuzz {
namespace {

constexpr std::size_t kBeforeNames = 5;   // magic, version, tier
constexpr std::size_t kCountBytes = 4, kHashBytes = 8;

void parse(ByteSpan input) {
  const auto file = cli::parse_tdm(as_text(input), "it");
  if (!file.ok()) return;
  const auto again = cli::to_tdm(*file);  // larger than the limit, where another packed it better
  if (!again.ok()) return;
  const auto back = cli::parse_tdm(*again, "it");
  TIDE_CHECK(back.ok() && back->names == file->names &&
                 std::equal(back->blocks.begin(), back->blocks.end(), file->blocks.begin(),
                            file->blocks.end(), codec::same_bits),
             "a file does not survive encoding");
}

}  // namespace

void tdm(ByteSpan input) {
  parse(input);
  ByteReader in(input);
  static_cast<void>(in.raw(kBeforeNames));
  static_cast<void>(in.blob());
  static_cast<void>(in.raw(kCountBytes));
  if (!in.ok() || in.left() < kHashBytes) return;
  const auto head = input.first(input.size() - in.left());
  ByteVector sealed(head.begin(), head.end());
  ByteWriter(sealed).fixed(xxh3(head));
  const auto rest = input.subspan(sealed.size());
  sealed.insert(sealed.end(), rest.begin(), rest.end());
  parse(sealed);
}

}  // namespace tidemark::fuzz
