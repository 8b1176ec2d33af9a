#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "common/base/disk.h"
#include "common/base/exit_code.h"
#include "common/cli/codec_command.h"

namespace tidemark::cli {
namespace {

class CodecCommand : public testing::Test {
 protected:
  void SetUp() override {
    auto name = (std::filesystem::temp_directory_path() / "tidemark-codec-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  int run(const std::vector<std::string>& words) {
    output_.text.clear();
    output_.errors.clear();
    Command root("tidemark", "");
    add_codec(root, output_);
    return root.run(words, output_);
  }
  std::string path(const char* name) { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  TextOutput output_;
};

TEST_F(CodecCommand, GivesBackTheSameNumbers) {
  const std::string csv =
      "timestamp_ns,level,odd\n"
      "1000,21.5,-0\n"
      "2000,,0x7ff8000000000123\n"
      "2000,21.25,0xfff0000000000000\n"
      "-5,0.1,5e-324\n"
      "9223372036854775807,1e+22,0x0000000000000001\n";
  ASSERT_TRUE(write_file(path("in.csv"), csv).ok());
  for (const auto* tier : {"fast", "standard", "dense"}) {
    ASSERT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm"),
                   "--rows-per-block", "2", "--tier", tier}),
              kExitOk)
        << output_.errors;
    ASSERT_EQ(run({"codec", "decode", "--in", path("a.tdm"), "--out", path("out.csv")}), kExitOk)
        << output_.errors;
    auto expected = csv;
    const std::string subnormal = "0x0000000000000001";  // finite: the shortest decimal
    expected.replace(expected.find(subnormal), subnormal.size(), "5e-324");
    EXPECT_EQ(*read_file(path("out.csv"), 1 << 20), expected);
  }
}

TEST_F(CodecCommand, TellsSizesAndMethods) {
  std::string csv = "timestamp_ns,steady,noisy\n";
  for (int i = 0; i < 2500; ++i) {
    csv += std::to_string(1'000'000'000LL * i) + ",20.5," + std::to_string(i * 7919 % 1000) + "\n";
  }
  ASSERT_TRUE(write_file(path("in.csv"), csv).ok());
  ASSERT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm")}), kExitOk);
  ASSERT_EQ(run({"codec", "stat", "--json", path("a.tdm")}), kExitOk) << output_.errors;
  EXPECT_EQ(output_.text.rfind(R"({"v":1,"rows":2500,"blocks":3,"timestamp_bytes":)", 0), 0u)
      << output_.text;
  EXPECT_NE(output_.text.find(R"({"name":"steady","mode":"constant","predictor":"none",)"),
            std::string::npos)
      << output_.text;
  EXPECT_NE(output_.text.find(R"({"name":"noisy","mode":"decimal0",)"), std::string::npos);
  EXPECT_EQ(run({"codec", "stat", path("a.tdm")}), kExitOk);
}

TEST_F(CodecCommand, NamesTheLineThatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"time,a\n", "in.csv:1"},
      {"timestamp_ns\n", "0 columns"},
      {"timestamp_ns,a\n1,2\n1,x\n", "in.csv:3: 'x' is not a number"},
      {"timestamp_ns,a\n1.5,2\n", "'1.5' is not a time"},
      {"timestamp_ns,a\n1,2,3\n", "3 cells, the head has 2"},
  };
  for (const auto& [csv, text] : cases) {
    ASSERT_TRUE(write_file(path("in.csv"), csv).ok());
    EXPECT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm")}),
              kExitBadData);
    EXPECT_NE(output_.errors.find(text), std::string::npos) << output_.errors;
  }
  ASSERT_TRUE(write_file(path("a.tdm"), "TDM").ok());
  EXPECT_EQ(run({"codec", "stat", path("a.tdm")}), kExitBadData);
  EXPECT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm"),
                 "--rows-per-block", "0"}),
            kExitUsage);
}

TEST_F(CodecCommand, RefusesADamagedFile) {
  ASSERT_TRUE(write_file(path("in.csv"), "timestamp_ns,temp\n1,2\n2,3\n3,4\n").ok());
  ASSERT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm"),
                 "--rows-per-block", "1"}),
            kExitOk);
  const auto good = *read_file(path("a.tdm"), 1 << 20);
  const auto refused = [&](const std::string& bytes) {
    return write_file(path("a.tdm"), bytes).ok() &&
           run({"codec", "decode", "--in", path("a.tdm"), "--out", path("b.csv")}) != kExitOk &&
           !std::filesystem::exists(path("b.csv"));
  };
  EXPECT_TRUE(refused(good + "x"));
  for (std::size_t at = 0; at < good.size(); ++at) {
    EXPECT_TRUE(refused(good.substr(0, at))) << at;
    for (const unsigned bit : {0U, 1U, 4U, 7U}) {
      auto bytes = good;
      bytes[at] = static_cast<char>(static_cast<unsigned char>(bytes[at]) ^ 1U << bit);
      EXPECT_TRUE(refused(bytes)) << at;
    }
  }
}

TEST_F(CodecCommand, ColumnsAddUpToTheValues) {
  std::string csv = "timestamp_ns";
  for (int i = 0; i < 300; ++i) csv += ",c" + std::to_string(i);
  for (int row = 0; row < 5; ++row) {
    csv += "\n" + std::to_string(row);
    for (int i = 0; i < 300; ++i) csv += "," + std::to_string(i) + ".5";
  }
  ASSERT_TRUE(write_file(path("in.csv"), csv).ok());
  ASSERT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm")}), kExitOk);
  ASSERT_EQ(run({"codec", "stat", "--json", path("a.tdm")}), kExitOk) << output_.errors;
  const auto stat = nlohmann::json::parse(output_.text);
  std::uint64_t sum = 0;
  for (const auto& c : stat["columns"]) sum += c["bytes"].get<std::uint64_t>();
  EXPECT_EQ(sum, stat["value_bytes"]);
  EXPECT_EQ(stat["columns"][7]["mode"], "short-decimal1");
  EXPECT_EQ(stat["columns"][7]["coder"], "none");
  EXPECT_EQ(stat["file_bytes"], std::filesystem::file_size(path("a.tdm")));
}

TEST_F(CodecCommand, SaysWhichFileIsMissingOrCannotBe) {
  const auto csv = path("in.csv"), tdm = path("a.tdm");
  ASSERT_TRUE(write_file(csv, "timestamp_ns,a\n1,2\n").ok());
  EXPECT_EQ(run({"codec", "encode"}), kExitUsage);
  EXPECT_EQ(run({"codec", "decode", "--in", tdm}), kExitUsage);
  EXPECT_EQ(run({"codec", "encode", "--in", path("none.csv"), "--out", tdm}), kExitNoInput);
  EXPECT_EQ(run({"codec", "encode", "--in", folder_, "--out", tdm}), kExitNoInput);
  EXPECT_EQ(run({"codec", "stat", tdm}), kExitNoInput);
  EXPECT_EQ(run({"codec", "encode", "--in", csv, "--out", path("no/a.tdm")}), kExitCannotCreate);
  EXPECT_EQ(run({"codec", "encode", "--in", csv, "--out", folder_}), kExitCannotCreate);
  EXPECT_EQ(run({"codec", "encode", "--in", csv, "--out", tdm, "--json"}), kExitOk);
  EXPECT_EQ(output_.text.rfind(R"({"v":1,"rows":1,"blocks":1,"bytes":)", 0), 0u) << output_.text;
}

TEST_F(CodecCommand, WritesIntoPipesAndThroughLinks) {
  const auto csv = path("in.csv"), tdm = path("a.tdm");
  ASSERT_TRUE(write_file(csv, "\xef\xbb\xbftimestamp_ns,a\n1,2\n").ok());
  std::filesystem::create_symlink("target.tdm", tdm);
  ASSERT_EQ(run({"codec", "encode", "--in", csv, "--out", tdm}), kExitOk) << output_.errors;
  EXPECT_TRUE(std::filesystem::is_symlink(tdm));
  EXPECT_TRUE(std::filesystem::is_regular_file(path("target.tdm")));
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  std::string taken;
  std::thread reader([&] { taken = *read_file(path("pipe"), 100); });
  EXPECT_EQ(run({"codec", "decode", "--in", tdm, "--out", path("pipe")}), kExitOk);
  reader.join();
  EXPECT_EQ(taken, "timestamp_ns,a\n1,2\n");
  EXPECT_TRUE(std::filesystem::is_fifo(path("pipe")));
}

TEST_F(CodecCommand, SaysHowManyRowsFit) {
  std::mt19937_64 random(1);
  std::string csv = "timestamp_ns,a,b\n";
  for (int i = 0; i < 65'536; ++i) {
    csv += fmt::format("{},0x{:016x},0x{:016x}\n", i, random(), random());
  }
  ASSERT_TRUE(write_file(path("in.csv"), csv).ok());
  EXPECT_EQ(run({"codec", "encode", "--in", path("in.csv"), "--out", path("a.tdm"),
                 "--rows-per-block", "65536"}),
            kExitCannotCreate);
  EXPECT_NE(output_.errors.find("in.csv: block 0"), std::string::npos) << output_.errors;
  EXPECT_NE(output_.errors.find("--rows-per-block 16384"), std::string::npos) << output_.errors;
}

}  // namespace
}  // namespace tidemark::cli
