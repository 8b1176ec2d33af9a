// The format is what the document and the golden files say: bytes written once are read for ever.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "common/base/disk.h"
#include "common/codec/codec.h"
#include "tests/common/blocks.h"
#include "tests/common/hex.h"

namespace tidemark::codec {
namespace {

constexpr std::int64_t kBegin = 1'763'690'400'000'000'000;  // 2025-11-21T02:00:00Z
constexpr std::int64_t kSecond = 1'000'000'000;

Column integers(std::uint32_t series, std::vector<std::int64_t> values) {
  Column c;
  c.series = series;
  c.type = ValueType::i64;
  c.i64 = std::move(values);
  return c;
}
Column doubles(std::uint32_t series, std::vector<double> values) {
  Column c;
  c.series = series;
  c.f64 = std::move(values);
  return c;
}

Block example() {
  Block b;
  b.dictionaries = {{0x0123456789abcdef}};
  Group g;
  g.times = {kBegin, kBegin + kSecond};
  g.columns = {integers(0, {2312, 2314}), doubles(1, {21.5, 21.5})};
  g.columns[1].quality = {Quality::good, Quality::uncertain};
  b.groups = {g};
  return b;
}

// Every method of every type once, without the last stage.
Block all_methods() {
  Block b;
  b.dictionaries = {{1}, {0xffffffffffffffff}};
  Group g;
  g.times = {kBegin, kBegin + 3'000'000, kBegin + 5'000'000, kBegin + 4'000'000};
  g.columns = {integers(5, {7, 7, 7, 7}),
               integers(6, {1, -1, 1, -1}),
               integers(7, {100'000, 100'001, 99'999, 100'003}),
               integers(9, {0, 1'000'000, 2'100'000, 3'300'000}),
               integers(8, {std::numeric_limits<std::int64_t>::min(), 0,
                            std::numeric_limits<std::int64_t>::max(), -1}),
               doubles(10, {-0.0, 1.5, std::bit_cast<double>(0x7ff8000000000123U), 1e-310}),
               doubles(11, {1.0 / 3, 1.0 / 3, 1.0 / 3, 1.0 / 7}),
               doubles(12, {21.5, 21.55, -3.25, 1e6})};
  Column boolean;
  boolean.series = 13;
  boolean.type = ValueType::boolean;
  boolean.i64 = {1, 0, 1};
  boolean.present = {true, false, true, true};
  g.columns.push_back(boolean);
  boolean.i64 = {1, 1, 1};
  g.columns.push_back(boolean);
  boolean.i64 = {2, 0, 1};
  g.columns.push_back(boolean);
  Column text;
  text.series = 20;
  text.type = ValueType::text;
  text.text = {"running", "running", "stopped", "running"};
  text.quality = {Quality::good, Quality::bad_device, Quality::bad_device, Quality::good};
  g.columns.push_back(text);
  text.quality.clear();
  text.text = {"", "a", "b", "c"};
  g.columns.push_back(text);
  Group copy;
  copy.copy = true;
  copy.times = {-1};
  copy.columns = {doubles(0, {1e300})};
  b.groups = {g, copy};
  PartialRow p;
  p.series = 5;
  p.start = kBegin;
  p.size = 60 * kSecond;
  p.revision = 1;
  p.readings = 60;
  p.state = {0x00};
  b.partials = {p, p};
  b.partials[1].series = 4;
  b.partials[1].copy = true;
  return b;
}

Block packed() {
  Block b;
  Group g;
  for (int i = 0; i < 200; ++i) g.times.push_back(kBegin + i * kSecond + i % 3 * 1'000'000);
  Column c = integers(0, {});
  for (int i = 0; i < 200; ++i) c.i64.push_back(2300 + i % 5);
  g.columns = {c};
  b.groups = {g};
  return b;
}

std::string document(const std::string& path) {
  auto text = read_file(path, 1 << 20);
  return text.ok() ? *text : "";
}

TEST(BlockFormat, ExampleOfTheDocumentIsWhatIsWritten) {
  const auto bytes = encode(example(), Tier::fast);
  ASSERT_TRUE(bytes.ok());
  const auto told = fenced_hex(document(TIDEMARK_SOURCE "/common/codec/FORMAT.md"), "hex");
  EXPECT_EQ(to_hex(told), to_hex(*bytes));
  const auto back = decode(told);
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(same_bits(*back, example()));
}

struct Golden {
  const char* file;
  Block (*content)();
  bool written_alike;  // not where zstd had a part: its versions may choose otherwise
};
void PrintTo(const Golden& g, std::ostream* out) { *out << g.file; }

class GoldenBlock : public testing::TestWithParam<Golden> {};

TEST_P(GoldenBlock, IsReadAsItWasMeant) {
  const auto path = std::string(TIDEMARK_SOURCE "/tests/golden/") + GetParam().file;
  const auto golden = from_hex(document(path));
  const auto block = GetParam().content();
  const auto written = *encode(block, Tier::standard);
  const auto back = decode(golden);
  ASSERT_TRUE(back.ok()) << back.error().text() << "; this build writes " << to_hex(written);
  EXPECT_TRUE(same_bits(*back, block));
  if (GetParam().written_alike) { EXPECT_EQ(to_hex(written), to_hex(golden)); }
}

INSTANTIATE_TEST_SUITE_P(V1, GoldenBlock,
                         testing::Values(Golden{"block_v1_example.hex", example, true},
                                         Golden{"block_v1_all_methods.hex", all_methods, false},
                                         Golden{"block_v1_packed.hex", packed, false},
                                         Golden{"block_v1_empty.hex", [] { return Block{}; },
                                                true}));

}  // namespace
}  // namespace tidemark::codec
