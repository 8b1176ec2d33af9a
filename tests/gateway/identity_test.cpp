#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "common/base/disk.h"
#include "gateway/identity/authority.h"
#include "gateway/identity/enrolment.h"
#include "gateway/identity/registry.h"
#include "tests/support/folder.h"
#include "tests/gateway/format_tables.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;

class Identity : public testing::Test {
 protected:
  Identity() : clock(SystemClock().wall()) {
    EXPECT_TRUE(Authority::init(folder.path, "plant7-ca", clock));
    authority = Authority::open(folder.path, clock).value();
    registry = open_registry();
  }
  std::unique_ptr<Registry> open_registry() {
    return Registry::open(folder.path / "gateway.db", clock).value();
  }
  wire::Token token(TokenOrder order = {}) {
    if (order.site.empty()) order.site = "plant7";
    return registry->create_token(order, "gw-1.example:7443", authority->facts().spki).value();
  }
  // The edge's side; the certificate, or why not.
  Result<wire::EnrollGrant> enrol(Registry& r, const wire::Token& t, const std::string& edge) {
    Enrolment enrolment(r, *authority);
    TIDE_ASSIGN(const auto challenge,
                enrolment.on_frame({wire::FrameType::enroll_hello,
                                    wire::encode(wire::EnrollHello{t.id, edge})}));
    TIDE_ASSIGN(const auto nonce, wire::decode_enroll_challenge(challenge.payload));
    const auto key = tls::PrivateKey::generate().value();
    wire::EnrollRequest request;
    request.csr = key.request("edge").value();
    request.proof = tls::enrolment_proof(tls::enrolment_key(t.secret), nonce.nonce, request.csr);
    TIDE_ASSIGN(const auto grant, enrolment.on_frame({wire::FrameType::enroll_request,
                                                      wire::encode(request)}));
    return wire::decode_enroll_grant(grant.payload);
  }
  Result<wire::EnrollGrant> enrol(const wire::Token& t, const std::string& edge) {
    return enrol(*registry, t, edge);
  }

  test::Folder folder;
  ManualClock clock;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<Registry> registry;
};

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
  ASSERT_TRUE(registry->renew(facts));
  EXPECT_EQ(registry->edges().value()[0].spki, facts.spki);
  facts.name = "press-99";
  EXPECT_EQ(registry->renew(facts).error().fault(), Fault::denied);
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
  ASSERT_TRUE(sqlite::Database::open(file, {}).value()->execute("PRAGMA user_version=3"));
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

// The topic, without Kafka: what several gateways say, in one order; compacted on demand.
class Shared {
 public:
  class Reader final : public RegistryLog {
   public:
    Reader(Shared& all, std::size_t from) : all_(all), next_(from) {}
    Result<> append(const std::vector<RegistryEntry>& entries) override {
      if (all_.down) return Error{Fault::unavailable, "no broker"};
      for (const auto& e : entries) all_.say(e);
      return {};
    }
    std::vector<RegistryEntry> take() override {
      std::vector<RegistryEntry> came;
      if (all_.down) return came;
      for (; next_ < all_.entries.size(); ++next_) {
        if (all_.entries[next_]) came.push_back(*all_.entries[next_]);
      }
      return came;
    }
    Result<> catch_up(std::chrono::milliseconds) override {
      return all_.down ? Result<>(Error{Fault::unavailable, "no broker"}) : Result<>{};
    }
    [[nodiscard]] std::int64_t next() const override { return static_cast<std::int64_t>(next_); }
    [[nodiscard]] bool at_end() const override { return !all_.down; }
    [[nodiscard]] std::string problem() const override { return all_.down ? "no broker" : ""; }

   private:
    Shared& all_;
    std::size_t next_;
  };

  Shared() { say({"layout", R"({"v":1,"id":"first"})"}); }
  void say(RegistryEntry e) {
    e.place = static_cast<std::int64_t>(entries.size());
    entries.emplace_back(std::move(e));
  }
  void compact() {
    std::set<std::string> later;
    for (auto e = entries.rbegin(); e != entries.rend(); ++e) {
      if (*e && (!later.insert((*e)->key).second || !(*e)->value)) e->reset();
    }
  }
  std::vector<std::optional<RegistryEntry>> entries;  // empty: compacted away
  bool down = false;
};

class SharedRegistry : public Identity {
 protected:
  // A gateway that starts, with the file of that name.
  std::unique_ptr<Registry> gateway(const std::string& name, bool ready = true) {
    auto r = Registry::open(folder.path / name, clock).value();
    EXPECT_TRUE(r->share(std::make_unique<Shared::Reader>(topic, 0), true));
    EXPECT_EQ(r->refresh().ok() && r->refresh().ok() && r->ready(), ready);
    return r;
  }
  // A command beside it.
  std::unique_ptr<Registry> command(const std::string& name) {
    auto r = Registry::open(folder.path / name, clock).value();
    const auto from = r->next().value();
    EXPECT_TRUE(r->share(std::make_unique<Shared::Reader>(topic, static_cast<std::size_t>(from)),
                         from == 0));
    EXPECT_TRUE(r->catch_up(1s));
    return r;
  }
  wire::Token token_at(Registry& r, TokenOrder order = {}) {
    order.site = "plant7";
    return r.create_token(order, "gw:7443", authority->facts().spki).value();
  }
  static tls::Digest key_of(Registry& r) { return r.edges().value()[0].spki; }

  Shared topic;
};

TEST_F(SharedRegistry, WhatOneGatewayDoesIsSoAtAll) {
  const auto a = gateway("a.db"), b = gateway("b.db");
  const auto t = token_at(*command("a.db"));
  ASSERT_TRUE(a->refresh() && b->refresh());
  ASSERT_TRUE(enrol(*b, t, "press-07"));
  ASSERT_TRUE(a->refresh());
  EXPECT_EQ(a->tokens()->front().uses_left, 0);
  EXPECT_FALSE(enrol(*a, t, "press-08"));
  ASSERT_EQ(a->edges()->size(), 1u);
  auto facts = tls::CertificateFacts{};
  facts.name = "press-07";
  facts.spki[0] = 1;
  facts.not_after = clock.wall() + 24h;
  ASSERT_TRUE(a->renew(facts)) << "it is enrolled, if not here";
  ASSERT_TRUE(command("a.db")->revoke("press-07").value());
  ASSERT_TRUE(b->refresh());
  EXPECT_TRUE(b->revoked(facts.spki));
  EXPECT_EQ(b->renew(facts).error().fault(), Fault::denied);
  ASSERT_TRUE(command("b.db")->drop_token(t.id).value());
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->tokens()->empty());
}

TEST_F(SharedRegistry, AOneUseTokenIsGoodForOneAtTwoGatewaysAtOnce) {
  const auto a = gateway("a.db"), b = gateway("b.db");
  const auto t = token_at(*a);
  ASSERT_TRUE(b->refresh());
  // Both find it good before either has heard of the other's claim.
  EXPECT_TRUE(a->check_token(t.id, "press-07"));
  EXPECT_TRUE(b->check_token(t.id, "press-08"));
  const int granted = enrol(*b, t, "press-08").ok() + enrol(*a, t, "press-07").ok();
  EXPECT_EQ(granted, 1);
  ASSERT_TRUE(a->refresh() && b->refresh());
  EXPECT_EQ(a->edges()->size(), 1u);
  EXPECT_EQ(b->edges()->size(), 1u);
}

TEST_F(SharedRegistry, ARenewalThatCrossesARevocationIsWorthNothing) {
  const auto a = gateway("a.db"), b = gateway("b.db");
  ASSERT_TRUE(enrol(*a, token_at(*a), "press-07"));
  ASSERT_TRUE(b->refresh());
  ASSERT_TRUE(a->revoke("press-07").value());
  auto facts = tls::CertificateFacts{};  // said before b has heard of it
  facts.name = "press-07";
  facts.spki[0] = 1;
  facts.not_after = clock.wall() + 24h;
  EXPECT_EQ(b->renew(facts).error().fault(), Fault::denied);
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->revoked(facts.spki));
  EXPECT_TRUE(b->revoked(facts.spki));
}

TEST_F(SharedRegistry, AGatewayThatComesLaterKnowsTheSameAlsoWhenTheTopicWasCompacted) {
  const auto a = gateway("a.db");
  TokenOrder twice;
  twice.uses = 3;
  const auto t = token_at(*a, twice), dropped = token_at(*a);
  ASSERT_TRUE(enrol(*a, t, "press-07"));
  ASSERT_TRUE(enrol(*a, t, "press-08"));
  ASSERT_TRUE(a->revoke("press-08").value());
  ASSERT_TRUE(enrol(*a, dropped, "press-09"));
  ASSERT_TRUE(a->drop_token(dropped.id).value());
  topic.compact();
  const auto b = gateway("b.db");
  ASSERT_EQ(b->tokens()->size(), 1u);
  EXPECT_EQ(b->tokens()->front().uses_left, 1);
  const auto ours = a->edges().value(), theirs = b->edges().value();
  ASSERT_EQ(theirs.size(), 3u);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    EXPECT_EQ(theirs[i].spki, ours[i].spki);
    EXPECT_EQ(theirs[i].revoked, ours[i].revoked);
    EXPECT_EQ(b->revoked(ours[i].spki), ours[i].name == "press-08");
  }
}

TEST_F(SharedRegistry, WhatWasDroppedWhileAGatewayWasAwayGoesThereToo) {
  const auto t = token_at(*gateway("b.db"));
  const auto a = gateway("a.db");
  ASSERT_EQ(a->tokens()->size(), 1u);
  ASSERT_TRUE(a->drop_token(t.id).value());
  topic.compact();  // not even the word that it is gone is left
  EXPECT_TRUE(gateway("b.db")->tokens()->empty());
}

TEST_F(SharedRegistry, ARegistryThatWasAloneIsSaid) {
  ASSERT_TRUE(enrol(token(), "press-07"));  // in gateway.db, which was of the embedded form
  registry.reset();
  const auto a = gateway("gateway.db");
  const auto b = gateway("b.db");
  ASSERT_EQ(b->edges()->size(), 1u);
  EXPECT_EQ(key_of(*b), key_of(*a));
  EXPECT_EQ(b->tokens()->front().uses_left, 0);
  // Once: what is dropped later does not come again with the next start.
  ASSERT_TRUE(b->drop_token(b->tokens()->front().id).value());
  topic.compact();
  EXPECT_TRUE(gateway("gateway.db")->tokens()->empty());
}

TEST_F(SharedRegistry, TopicsThatWereMadeAnewAreToldAgain) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  registry.reset();
  gateway("gateway.db");
  topic.entries.clear();
  topic.say({"layout", R"({"v":1,"id":"second"})"});
  ASSERT_EQ(gateway("gateway.db")->edges()->size(), 1u);
  EXPECT_EQ(gateway("b.db")->edges()->size(), 1u);
}

TEST_F(SharedRegistry, WhatACommandAddsWhileAGatewayStartsStays) {
  gateway("a.db");
  auto starting = Registry::open(folder.path / "a.db", clock).value();
  auto reader = std::make_unique<Shared::Reader>(topic, 0);
  ASSERT_TRUE(starting->share(std::move(reader), true));
  const auto before = topic.entries;
  const auto t = token_at(*command("a.db"));
  const auto after = std::exchange(topic.entries, before);  // the gateway has not heard of it
  ASSERT_TRUE(starting->refresh());
  EXPECT_FALSE(starting->ready());
  topic.entries = after;
  ASSERT_TRUE(starting->refresh());
  EXPECT_TRUE(starting->ready());
  ASSERT_EQ(starting->tokens()->size(), 1u);
  EXPECT_EQ(starting->tokens()->front().id, t.id);
}

TEST_F(SharedRegistry, WithoutTheLogNobodyComesInAndNothingIsGranted) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  registry.reset();
  topic.down = true;
  const auto a = gateway("gateway.db", false);
  EXPECT_EQ(a->problem(), "no broker");
  const auto t = a->create_token(TokenOrder{}, "gw:7443", authority->facts().spki);
  EXPECT_EQ(t.error().fault(), Fault::unavailable);
  topic.down = false;
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->ready());
  const auto good = token_at(*a);
  topic.down = true;
  EXPECT_EQ(enrol(*a, good, "press-08").error().fault(), Fault::unavailable);
  topic.down = false;
  EXPECT_TRUE(enrol(*a, good, "press-08")) << "what was not said was not used up";
}

TEST_F(SharedRegistry, EntriesThatSayNothingOfUseArePassedOver) {
  const auto a = gateway("a.db");
  for (const char* key : {"token", "token 1", "claim 1", "claim 1 2", "edge x", "certificate 00",
                          "certificate", "who knows", ""}) {
    for (const char* value : {"", "{", "[]", "{\"v\":1}", "{\"v\":2}", "null",
                              R"({"v":1,"site":7,"enrolled":"x","revoked":[]})"}) {
      topic.say({key, value});
    }
  }
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->ready());
  EXPECT_TRUE(a->tokens()->empty());
  EXPECT_TRUE(a->edges()->empty());
  EXPECT_TRUE(enrol(*a, token_at(*a), "press-07"));
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
