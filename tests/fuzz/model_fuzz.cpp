#include "tests/fuzz/model_fuzz.h"

#include <algorithm>

#include "common/base/hash.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/series.h"
#include "common/window/partial.h"

namespace tidemark::fuzz {
namespace {

template <typename Value>
void expect_one_form(const Value& value, ByteSpan read) {
  ByteVector written;
  ByteWriter out(written);
  value.encode(out);
  TIDE_CHECK(std::equal(written.begin(), written.end(), read.begin(), read.end()),
             "one content has two forms");
}

void decode_record(ByteSpan input) {
  ByteReader in(input);
  const auto record = BlockRecord::decode(in);
  if (record.ok()) expect_one_form(*record, input.first(in.position()));
}

}  // namespace

void dictionary(ByteSpan input) {
  const auto dictionary = Dictionary::decode(input);
  if (!dictionary.ok()) return;
  TIDE_CHECK(dictionary->hash().count == xxh3(input), "a dictionary under another's name");
}

void record(ByteSpan input) {
  decode_record(input);
  ByteVector sealed(input.begin(), input.end());
  ByteWriter(sealed).fixed(xxh3(input));
  decode_record(sealed);
}

void seal(ByteSpan input) {
  const auto seal = Seal::decode(input);
  if (seal.ok()) expect_one_form(*seal, input);
}

void partial(ByteSpan input) {
  ByteReader in(input);
  auto partial = window::Partial::decode(in);
  if (!partial.ok()) return;
  expect_one_form(*partial, input.first(in.position()));
  static_cast<void>(window::Aggregates::of(*partial, -3));
  auto twice = *partial;
  twice.merge(*partial);
  TIDE_CHECK(twice.readings() == 2 * partial->readings(), "merging lost readings");
}

}  // namespace tidemark::fuzz
