#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "common/base/disk.h"
#include "tests/gateway/format_tables.h"
#include "tests/gateway/identity_fixture.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;

TEST_F(Identity, ATokenBecomesACertificate) {
  const auto grant = enrol(token(), "press-07");
  ASSERT_TRUE(grant) << grant.error().text();
  EXPECT_EQ(grant->edge, "press-07");
  EXPECT_EQ(grant->site, "plant7");
  const auto facts = tls::inspect(grant->certificate).value();
  EXPECT_EQ(facts.name, "press-07");
  EXPECT_EQ(facts.site, "plant7");
  EXPECT_TRUE(facts.client);
  const auto edges = registry->edges().value();
  ASSERT_EQ(edges.size(), 1u);
  EXPECT_EQ(edges[0].serial, facts.serial);
  EXPECT_EQ(edges[0].spki, facts.spki);
}

TEST_F(Identity, AOneUseTokenIsGoodForOneOfAHundred) {
  const auto t = token();
  std::atomic<int> granted{0};
  std::atomic<int> denied{0};
  std::vector<std::thread> edges;
  for (int i = 0; i < 100; ++i) {
    edges.emplace_back([&, i] {
      const auto own = open_registry();  // as many processes would
      const auto grant = enrol(*own, t, "edge-" + std::to_string(i));
      if (grant) ++granted;
      else if (grant.error().fault() == Fault::denied) ++denied;
      else ADD_FAILURE() << grant.error().text();
    });
  }
  for (auto& e : edges) e.join();
  EXPECT_EQ(granted, 1);
  EXPECT_EQ(denied, 99);
  EXPECT_EQ(registry->edges()->size(), 1u);
}

TEST_F(Identity, ATokenExpires) {
  TokenOrder order;
  order.life = 1h;
  const auto t = token(order);
  clock.advance(1h);
  const auto grant = enrol(t, "press-07");
  ASSERT_FALSE(grant);
  EXPECT_NE(grant.error().text().find("expired"), std::string::npos);
}

TEST_F(Identity, WhoDoesNotHaveTheSecretLearnsNothing) {
  auto t = token();
  auto wrong_secret = t;
  wrong_secret.secret[0] ^= 1;
  auto wrong_id = t;
  wrong_id.id = "00000000";
  const auto a = enrol(wrong_secret, "press-07");
  const auto b = enrol(wrong_id, "press-07");
  ASSERT_FALSE(a);
  ASSERT_FALSE(b);
  EXPECT_EQ(a.error().text(), b.error().text());
  EXPECT_TRUE(enrol(t, "press-07")) << "a wrong try must not use the token up";
}

TEST_F(Identity, AnEnrolledNameIsTakenUntilRevokedOrReplaced) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  const auto old = registry->edges().value()[0].spki;
  EXPECT_FALSE(enrol(token(), "press-07"));

  TokenOrder order;
  order.edge = "press-07";
  order.replace = true;
  EXPECT_FALSE(enrol(token(order), "press-08"));
  ASSERT_TRUE(enrol(token(order), "press-07"));
  EXPECT_TRUE(registry->revoked(old));
  EXPECT_FALSE(registry->revoked(registry->edges().value()[0].spki));

  ASSERT_TRUE(registry->revoke("press-07").value());
  EXPECT_FALSE(registry->revoke("press-99").value());
  EXPECT_TRUE(registry->edges().value()[0].revoked);
  ASSERT_TRUE(enrol(token(), "press-07"));
  EXPECT_FALSE(registry->edges().value()[0].revoked);
}

TEST_F(Identity, AnotherProcessRevokes) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  const auto spki = registry->edges().value()[0].spki;
  ASSERT_TRUE(open_registry()->revoke("press-07").value());
  EXPECT_FALSE(registry->revoked(spki));
  ASSERT_TRUE(registry->refresh());
  EXPECT_TRUE(registry->revoked(spki));
}

TEST_F(Identity, SecretsAreNotInTheFile) {
  const auto t = token();
  registry.reset();
  const auto file = read_file(folder.path / "gateway.db", 1 << 20).value();
  EXPECT_NE(file.find(t.id), std::string::npos);
  EXPECT_EQ(file.find(as_text(t.secret)), std::string::npos);
  EXPECT_EQ(file.find(to_hex(t.secret)), std::string::npos);
}

TEST_F(Identity, ThereIsOneCa) {
  EXPECT_EQ(Authority::init(folder.path, "again", clock).error().fault(), Fault::denied);
  struct stat st {};
  ASSERT_EQ(stat((folder.path / "ca" / "key.pem").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(Identity, TheServerCertificateIsKeptAndRenewedInTime) {
  const auto serial = [&] {
    return tls::inspect(authority->server_credentials("gw1").value().chain[0]).value().serial;
  };
  const auto first = serial();
  EXPECT_EQ(serial(), first);
  clock.advance(24h * 200);
  EXPECT_EQ(serial(), first);
  clock.advance(24h * 120);
  EXPECT_NE(serial(), first);
}

TEST_F(Identity, AnEnrolledEdgeRenews) {
  const auto grant = enrol(token(), "press-07").value();
  auto facts = tls::inspect(grant.certificate).value();
  facts.spki[0] ^= 1;
  const auto shown = tls::inspect(grant.certificate)->spki;
  ASSERT_TRUE(registry->renew(facts, shown));
  EXPECT_EQ(registry->edges().value()[0].spki, facts.spki);
  facts.name = "press-99";
  EXPECT_EQ(registry->renew(facts, shown).error().fault(), Fault::denied);
}

TEST(Enrolment, AStrangerMaySayNothingElse) {
  test::Folder folder;
  SystemClock clock;
  ASSERT_TRUE(Authority::init(folder.path, "ca", clock));
  const auto authority = Authority::open(folder.path, clock).value();
  const auto registry = Registry::open(folder.path / "gateway.db", clock).value();
  Enrolment enrolment(*registry, *authority);
  EXPECT_FALSE(enrolment.on_frame({wire::FrameType::block, {}}));
  EXPECT_FALSE(enrolment.on_frame({wire::FrameType::enroll_request, {}}));
}

TEST_F(Identity, LiesInTheTablesThatTheFormatDescribes) {
  EXPECT_EQ(test::tables_of(folder.path / "gateway.db", 2),
            test::described_tables(TIDEMARK_REGISTRY_FORMAT));
}

TEST_F(Identity, ARegistryOfANewerVersionIsRefused) {
  const auto file = folder.path / "gateway.db";
  ASSERT_TRUE(sqlite::Database::open(file, {.version = 2}).value()->execute(
      "PRAGMA user_version=3"));
  EXPECT_EQ(Registry::open(file, clock).error().fault(), Fault::unsupported);
}

// A registry of a release before, which counted what was left of a token.
TEST_F(Identity, ARegistryOfAnOlderVersionKeepsWhatItKnows) {
  const auto file = folder.path / "old.db";
  ASSERT_TRUE(sqlite::Database::open(file, {.schema = R"(
      CREATE TABLE tokens(id TEXT PRIMARY KEY, key BLOB NOT NULL, site TEXT NOT NULL,
        edge TEXT NOT NULL, replaces INTEGER NOT NULL, uses INTEGER NOT NULL,
        uses_left INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL);
      CREATE TABLE edges(name TEXT PRIMARY KEY, site TEXT NOT NULL, enrolled INTEGER NOT NULL,
        revoked INTEGER);
      CREATE TABLE certificates(spki BLOB PRIMARY KEY, serial TEXT NOT NULL, edge TEXT NOT NULL,
        issued INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER);
      CREATE INDEX certificates_edge ON certificates(edge, issued);
      INSERT INTO tokens VALUES('0a0a0a0a', zeroblob(32), 'plant7', '', 0, 5, 2, 1, 2);
      INSERT INTO edges VALUES('press-07', 'plant7', 1, NULL))"}).value());
  const auto old = Registry::open(file, clock).value();
  ASSERT_EQ(old->tokens()->size(), 1u);
  EXPECT_EQ(old->tokens()->front().uses, 5);
  EXPECT_EQ(old->tokens()->front().uses_left, 2);
  EXPECT_EQ(old->edges()->size(), 1u);
}

TEST(TokenText, ComesBackTheSameAndNothingElseDoes) {
  wire::Token t{"gw-1.example:7443", "01234567", ByteVector(16, 0xab), ByteVector(16, 0xcd)};
  const auto text = t.text();
  EXPECT_EQ(wire::Token::parse("  " + text + "\n").value(), t);
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_FALSE(wire::Token::parse(text.substr(0, n)));
  EXPECT_FALSE(wire::Token::parse(text + "0"));
  EXPECT_FALSE(wire::Token::parse("tm2" + text.substr(3)));
}

}  // namespace
}  // namespace tidemark::gateway
