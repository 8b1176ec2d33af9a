// One entry point for a fuzzer, fed here with mutations of the samples below: no payload may crash
// the decoder, pass a bound, or make columns that do not fit their group.
#include <gtest/gtest.h>

#include "common/base/random.h"
#include "edge/mqtt/decoder.h"

namespace tidemark::mqtt {
namespace {

const std::vector<std::string> kCorpus{
    "21.5",
    R"({"ts":1700000000,"v":3})",
    R"({"t0":1700000000,"dt_us":500,"v":[1,2,null,"x",4],"temp":20.5})",
    R"([{"ts":1700000000,"v":1},{"ts":"2023-11-14T22:13:20Z","v":2,"w":{"x":true}}])",
    R"({"ts":1700000000,"dt":1,"data":[{"x":1},{"x":2},7],"n":"text \u00e4"})",
    std::string("TM\x01\x01\x00\xfe\x01\x00\x00\x00\x2a\x36\xfe\x9c\x97\x17\xe8\x03\x00\x00\x02"
                "\x00\x00\x00\x34\x12\xff\xff", 28)};

void fuzz_one(MessageDecoder& decoder, source::SeriesTable& table, ByteSpan payload) {
  journal::Entry entry;
  ByteVector buffer;
  to_entry({.flags = 0, .packet_id = 1, .size = payload.size(), .topic = as_bytes("s/p1/a"),
            .payload = payload}, buffer, entry);
  source::Decoded out;
  decoder.decode(entry, table, out);
  ASSERT_LE(out.rejected.size(), MessageDecoder::kRejectsMax + 1);
  for (const auto& group : out.groups) {
    for (const auto& column : group.columns) {
      ASSERT_LT(column.series, table.size());
      std::size_t present = group.times.size();
      if (!column.present.empty()) {
        ASSERT_EQ(column.present.size(), group.times.size());
        present = static_cast<std::size_t>(
            std::count(column.present.begin(), column.present.end(), true));
      }
      ASSERT_EQ(column.values(), present);
    }
  }
}

TEST(MqttFuzz, NoPayloadBreaksTheDecoder) {
  SeededRandom random(20'231'114);
  Options options;
  options.name = "floor";
  options.topics = {"s/#"};
  auto decoder = std::make_unique<MessageDecoder>(options, nullptr);
  auto table = std::make_unique<source::SeriesTable>();
  for (int i = 0; i < 60'000; ++i) {
    if (i % 5000 == 0) {  // types and names begin anew
      decoder = std::make_unique<MessageDecoder>(options, nullptr);
      table = std::make_unique<source::SeriesTable>();
    }
    auto payload = kCorpus[random.below(kCorpus.size())];
    for (auto changes = random.below(6); changes > 0 && !payload.empty(); --changes) {
      const auto at = static_cast<std::size_t>(random.below(payload.size()));
      const auto& other = kCorpus[random.below(kCorpus.size())];
      switch (random.below(4)) {
        case 0: payload[at] = static_cast<char>(random.below(256)); break;
        case 1: payload.erase(at, random.below(4)); break;
        case 2: payload.insert(at, other.substr(random.below(other.size()), random.below(12)));
          break;
        default: payload.resize(at); break;
      }
    }
    fuzz_one(*decoder, *table, as_bytes(payload));
    ASSERT_FALSE(HasFatalFailure()) << payload;
  }
}

}  // namespace
}  // namespace tidemark::mqtt
