// Bytes, results, files, randomness, the log and the stop signal.
#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <filesystem>
#include <random>

#include "common/base/bytes.h"
#include "common/base/disk.h"
#include "common/base/hash.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/stop_signal.h"

namespace tidemark {
namespace {

TEST(Bytes, VarintsReadBack) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 50'000; ++i) {
    const auto v = random() >> (random() % 64);
    ByteVector bytes;
    ByteWriter out(bytes);
    out.varint(v);
    out.svarint(static_cast<std::int64_t>(v));
    ByteReader in(bytes);
    ASSERT_EQ(in.varint(), v);
    ASSERT_EQ(in.svarint(), static_cast<std::int64_t>(v));
    ASSERT_TRUE(in.done());
    ASSERT_EQ(unzigzag(zigzag(static_cast<std::int64_t>(v))), static_cast<std::int64_t>(v));
  }
}

TEST(Bytes, VarintsHaveOneForm) {
  const std::pair<ByteVector, bool> cases[] = {
      {{0x00}, true},
      {{0x80, 0x01}, true},
      {{0x80, 0x00}, false},  // padded
      {{0x80}, false},        // cut
      {{}, false},
      {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, true},
      {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}, false},  // past 64 bits
      {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0x00}, false},
  };
  for (const auto& [bytes, good] : cases) {
    ByteReader in(bytes);
    static_cast<void>(in.varint());
    EXPECT_EQ(in.done(), good) << to_hex(bytes);
  }
}

TEST(Bytes, ReaderFailsForGoodPastTheEnd) {
  const ByteVector bytes = {1, 2, 3};
  ByteReader in(bytes);
  EXPECT_EQ(in.fixed<std::uint32_t>(), 0u);
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_EQ(in.left(), 0u);
}

TEST(Bytes, LengthPromisesNoMoreThanIsLeft) {
  const ByteVector bytes = {3, 0, 0, 0};
  ByteReader fits(bytes), too_long(bytes);
  EXPECT_EQ(fits.length(1), 3u);
  EXPECT_EQ(too_long.length(2), 0u);
  EXPECT_FALSE(too_long.ok());
}

TEST(Bytes, AreLittleEndian) {
  ByteVector bytes;
  ByteWriter out(bytes);
  out.fixed(std::uint32_t{0x01020304});
  out.text("ab");
  EXPECT_EQ(to_hex(bytes), "0403020102" "6162");
}

Result<int> half(int v) {
  if (v % 2 != 0) return Error{Fault::bad_input, "odd"};
  return v / 2;
}
Result<int> quarter(int v) {
  TIDE_ASSIGN(const auto h, half(v));
  TIDE_TRY(half(h));
  return h / 2;
}

TEST(ResultOf, CarriesValueOrStory) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().fault(), Fault::bad_input);
  EXPECT_EQ(quarter(7).error().text(), "odd");
  EXPECT_EQ(Error(Fault::full, "ring").within("append").text(), "append: ring");
  EXPECT_TRUE(Result<>().ok());
}

TEST(ResultOf, NamesWhatTheSystemSaid) {
  EXPECT_EQ(system_error("write", ENOSPC).fault(), Fault::full);
  EXPECT_EQ(system_error("write", EACCES).fault(), Fault::denied);
  EXPECT_EQ(system_error("read", EIO).fault(), Fault::corrupt);
  EXPECT_EQ(system_error("open x", ENOENT).fault(), Fault::unavailable);
  EXPECT_EQ(system_error("open x", ENOENT).text(), "open x: No such file or directory");
  EXPECT_EQ(to_string(Fault::unsupported), "unsupported");
}

TEST(Hash, IsXxh3) {
  EXPECT_EQ(xxh3({}), 0x2d06800538d394c2u);  // of the reference implementation
  EXPECT_NE(xxh3(as_bytes("a")), xxh3(as_bytes("a"), 1));
}

TEST(RandomNumbers, RepeatWithTheirSeed) {
  SeededRandom a(1), b(1), c(2);
  const auto first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
  EXPECT_EQ(a.below(0), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(a.below(7), 7u);
  SystemRandom system;
  EXPECT_NE(system.next(), system.next());
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    auto name = (std::filesystem::temp_directory_path() / "tidemark-base-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(Files, WholeOnesAreReplaced) {
  const auto path = folder_ / "a";
  ASSERT_TRUE(write_file(path, "one").ok());
  ASSERT_TRUE(write_file(path, "two").ok());
  EXPECT_EQ(*read_file(path, 3), "two");
  EXPECT_EQ(read_file(path, 2).error().fault(), Fault::full);
  EXPECT_EQ(read_file(folder_ / "b", 2).error().fault(), Fault::unavailable);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(Files, SecretsAreForTheirOwnerAlone) {
  const auto file = folder_ / "password";
  ASSERT_TRUE(write_file(file, " secret\n", 0600).ok());
  EXPECT_EQ(read_secret(file).value(), "secret");
  EXPECT_EQ(read_secret("").value(), "");
  for (const auto* mode : {"0640", "0604", "0610"}) {
    ::chmod(file.c_str(), static_cast<mode_t>(std::stoi(mode, nullptr, 8)));
    const auto refused = read_secret(file);
    ASSERT_FALSE(refused.ok()) << mode;
    EXPECT_EQ(refused.error().fault(), Fault::bad_input);
    EXPECT_EQ(refused.error().text(), file.string() + ": mode " + mode +
                                          " lets others read a secret; chmod 600 " + file.string());
  }
  // Handed over by systemd, which sets the mode itself.
  ::setenv("CREDENTIALS_DIRECTORY", folder_.c_str(), 1);
  EXPECT_EQ(read_secret(file).value(), "secret");
  EXPECT_FALSE(read_secret(folder_ / "none").ok());
  ::setenv("CREDENTIALS_DIRECTORY", (folder_ / "other").c_str(), 1);
  EXPECT_FALSE(read_secret(file).ok());
  ::unsetenv("CREDENTIALS_DIRECTORY");
  // A key may belong to a group, and is longer.
  ASSERT_TRUE(write_file(file, std::string(20'000, 'k'), 0640).ok());
  EXPECT_TRUE(check_key_file(file).ok());
  EXPECT_TRUE(check_key_file("").ok());
  ::chmod(file.c_str(), 0644);
  EXPECT_FALSE(check_key_file(file).ok());
  EXPECT_EQ(read_secret(folder_ / "none").error().fault(), Fault::bad_input);
}

TEST_F(Files, AreReadExactly) {
  SystemDisk disk;
  auto file = disk.open(folder_ / "f");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->allocate(4096).ok());
  EXPECT_EQ(*(*file)->size(), 4096u);
  ASSERT_TRUE((*file)->resize(4).ok());
  ASSERT_TRUE((*file)->write_at(2, as_bytes("xyz")).ok());
  ASSERT_TRUE((*file)->sync().ok());
  std::uint8_t out[3];
  ASSERT_TRUE((*file)->read_at(2, out).ok());
  EXPECT_EQ(as_text(out), "xyz");
  EXPECT_EQ((*file)->read_at(3, out).error().fault(), Fault::corrupt);
  EXPECT_TRUE(disk.sync_folder(folder_).ok());
}

TEST_F(Files, FoldersAreMadeWithTheirParents) {
  EXPECT_TRUE(make_folder(folder_ / "a/b/c").ok());
  EXPECT_TRUE(make_folder(folder_ / "a/b/c").ok());
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "a/b/c"));
  ASSERT_TRUE(write_file(folder_ / "file", "").ok());
  EXPECT_FALSE(make_folder(folder_ / "file").ok());
}

TEST_F(Files, AFolderIsOneProcesssAlone) {
  {
    const auto mine = FolderLock::take(folder_ / "data");
    ASSERT_TRUE(mine.ok());
    const auto other = FolderLock::take(folder_ / "data");
    ASSERT_FALSE(other.ok());
    EXPECT_EQ(other.error().fault(), Fault::unavailable);
    EXPECT_NE(other.error().text().find("data"), std::string::npos);
    EXPECT_TRUE(FolderLock::take(folder_ / "data2").ok());
  }
  EXPECT_TRUE(FolderLock::take(folder_ / "data").ok());
}

TEST(Log, HoldsBackRepeats) {
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) log::warning("device is silent", "n={}", i);
  log::info("other", "a=1");
  const auto lines = testing::internal::GetCapturedStderr();
  EXPECT_NE(lines.find("warning device is silent n=0"), std::string::npos) << lines;
  EXPECT_EQ(lines.find("n=1"), std::string::npos) << lines;
  EXPECT_NE(lines.find("info other a=1"), std::string::npos) << lines;
}

TEST(Stop, CanBeAskedAndWaitedFor) {
  StopSignal stop;
  EXPECT_FALSE(stop.asked());
  pollfd waiting{stop.descriptor(), POLLIN, 0};
  EXPECT_EQ(::poll(&waiting, 1, 0), 0);
  stop.ask();
  EXPECT_TRUE(stop.asked());
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);
}

}  // namespace
}  // namespace tidemark
