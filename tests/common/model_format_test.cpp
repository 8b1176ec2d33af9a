// The examples of common/model/FORMAT.md are what this build writes and reads.
#include <gtest/gtest.h>

#include "common/base/disk.h"
#include "common/model/record.h"
#include "common/model/seal.h"
#include "common/model/series.h"
#include "tests/common/hex.h"

namespace tidemark {
namespace {

ByteVector told(const std::string& name) {
  const auto document = read_file(TIDEMARK_SOURCE "/common/model/FORMAT.md", 1 << 20);
  return document.ok() ? fenced_hex(*document, "hex " + name) : ByteVector{};
}

TEST(ModelFormat, Dictionary) {
  SeriesDescription s;
  s.source = s.device = "meter";
  s.metric = "voltage";
  s.poll_class = "fast";
  s.unit = "V";
  s.type = ValueType::i64;
  s.exponent = -1;
  s.labels = {{"line", "1"}};
  const Dictionary d({s});
  EXPECT_EQ(to_hex(d.bytes()), to_hex(told("dictionary")));
  const auto back = Dictionary::decode(told("dictionary"));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->series(), d.series());
}

TEST(ModelFormat, BlockRecord) {
  BlockRecord r;
  r.name = {{0x1122334455667788}, {7}};
  r.time_min = 1000;
  r.time_max = 2000;
  r.readings = 3;
  r.bytes = {0xab, 0xcd};
  ByteVector bytes;
  ByteWriter out(bytes);
  r.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("record")));
  const auto text = told("record");
  ByteReader in(text);
  const auto back = BlockRecord::decode(in);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, r);
}

TEST(ModelFormat, Seal) {
  Seal s;
  s.incarnation = {1};
  s.number = 2;
  s.next = {10};
  s.ledger.taken = s.ledger.pending = 5;
  s.clock = ClockState::synchronised;
  s.evicted = {{3, 4}};
  s.sources = {{"meter", "fast", false, event_time(60'000'000'000), {{0, 6, 6, 5, 5}}}};
  ByteVector bytes;
  ByteWriter out(bytes);
  s.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("seal")));
  const auto back = Seal::decode(told("seal"));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, s);

  s.number = 3;
  s.sources.clear();
  s.rest = event_time(65'000'000'000);
  bytes.clear();
  s.encode(out);
  EXPECT_EQ(to_hex(bytes), to_hex(told("seal-rest")));
  EXPECT_EQ(Seal::decode(told("seal-rest")).value(), s);
}

}  // namespace
}  // namespace tidemark
