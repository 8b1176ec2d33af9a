// Registries of several gateways that hear of each other.
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <vector>

#include "gateway/identity/registry_rows.h"
#include "tests/gateway/identity_fixture.h"

namespace tidemark::gateway {
namespace {

using namespace std::chrono_literals;

// The topic, without Kafka: what several gateways say, in one order; compacted on demand.
class Shared {
 public:
  class Reader final : public RegistryLog {
   public:
    Reader(Shared& all, std::size_t from) : all_(all), next_(from) {}
    Result<> append(const std::vector<RegistryEntry>& entries) override {
      if (all_.down || all_.read_only) return Error{Fault::unavailable, "no broker"};
      for (const auto& e : entries) all_.say(e);
      return {};
    }
    std::vector<RegistryEntry> take() override {
      std::vector<RegistryEntry> came;
      if (all_.down) return came;
      if (next_ > all_.entries.size()) next_ = 0;  // as Kafka's consumers do
      for (; next_ < all_.entries.size(); ++next_) {
        if (all_.entries[next_]) came.push_back(*all_.entries[next_]);
      }
      return came;
    }
    Result<> catch_up(std::chrono::milliseconds) override {
      if (all_.down) return Error{Fault::unavailable, "no broker"};
      if (auto first = std::exchange(all_.before_the_end, {})) first();
      return {};
    }
    void again() override { next_ = 0; }
    [[nodiscard]] std::int64_t next() const override { return static_cast<std::int64_t>(next_); }
    [[nodiscard]] bool at_end() const override { return !all_.down && !all_.slow; }
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
  bool down = false, read_only = false;
  bool slow = false;  // nobody is told that this is the end but who asks for it
  std::function<void()> before_the_end;  // what happens while somebody asks for it
};

class SharedRegistry : public Identity {
 protected:
  // A gateway that starts, with the file of that name.
  std::unique_ptr<Registry> gateway(const std::string& name, bool ready = true) {
    auto r = Registry::open(folder.path / name, clock).value();
    r->share(std::make_unique<Shared::Reader>(topic, 0), 0);
    (void)r->refresh();
    EXPECT_EQ(r->ready(), ready);
    return r;
  }
  // A command beside it.
  std::unique_ptr<Registry> command(const std::string& name) {
    auto r = Registry::open(folder.path / name, clock).value();
    const auto from = r->next().value();
    r->share(std::make_unique<Shared::Reader>(topic, static_cast<std::size_t>(from)), from);
    EXPECT_TRUE(r->catch_up(1s));
    return r;
  }
  wire::Token token_at(Registry& r, TokenOrder order = {}) {
    order.site = "plant7";
    return r.create_token(order, "gw:7443", authority->facts().spki).value();
  }
  // Each with a key of its own.
  tls::CertificateFacts renewal(const std::string& edge) {
    tls::CertificateFacts facts;
    facts.name = edge;
    facts.spki[0] = ++renewals_;
    facts.not_after = clock.wall() + 90 * 24h;
    return facts;
  }
  static tls::Digest key_of(Registry& r) { return r.edges().value()[0].spki; }

  Shared topic;

 private:
  std::uint8_t renewals_ = 0;
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
  const auto first = key_of(*a);
  const auto facts = renewal("press-07");
  ASSERT_TRUE(a->renew(facts, first)) << "it is enrolled, if not here";
  ASSERT_TRUE(command("a.db")->revoke("press-07").value());
  ASSERT_TRUE(b->refresh());
  EXPECT_TRUE(b->revoked(facts.spki));
  EXPECT_EQ(b->renew(facts, first).error().fault(), Fault::denied);
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
  const auto shown = key_of(*b);
  ASSERT_TRUE(a->revoke("press-07").value());
  const auto facts = renewal("press-07");  // said before b has heard of it
  EXPECT_EQ(b->renew(facts, shown).error().fault(), Fault::denied);
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->revoked(facts.spki));
  EXPECT_TRUE(b->revoked(facts.spki));
}

TEST_F(SharedRegistry, AReplacedBoxRenewsNothingThoughItIsStillConnectedElsewhere) {
  const auto a = gateway("a.db"), b = gateway("b.db");
  ASSERT_TRUE(enrol(*a, token_at(*a), "press-07"));
  ASSERT_TRUE(b->refresh());
  const auto old = key_of(*b);
  TokenOrder order;
  order.edge = "press-07";
  order.replace = true;
  ASSERT_TRUE(enrol(*a, token_at(*a, order), "press-07"));
  const auto facts = renewal("press-07");
  EXPECT_EQ(b->renew(facts, old).error().fault(), Fault::denied);
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->revoked(facts.spki));
  EXPECT_FALSE(a->revoked(key_of(*a)));
}

TEST_F(SharedRegistry, OneNameIsNotEnrolledAtTwoGatewaysAtOnce) {
  const auto a = gateway("a.db"), b = gateway("b.db");
  TokenOrder many;
  many.uses = 5;
  const auto t = token_at(*a, many);
  ASSERT_TRUE(b->refresh());
  // The other gateway has claimed it, and has not said more yet.
  topic.say(claim_entry(t.id, tls::Digest{7}, "press-07", clock.wall()));
  EXPECT_EQ(enrol(*b, t, "press-07").error().fault(), Fault::denied);
  EXPECT_TRUE(enrol(*b, t, "press-08"));
  clock.advance(2min);  // nothing came of it
  EXPECT_TRUE(enrol(*b, t, "press-07"));
}

TEST_F(SharedRegistry, ADropThatIsOnlyHalfSaidLeavesNoTokenBehind) {
  const auto a = gateway("a.db");
  const auto t = token_at(*a);
  ASSERT_TRUE(enrol(*a, t, "press-07"));
  const auto before = topic.entries.size();
  ASSERT_TRUE(a->drop_token(t.id).value());
  topic.entries.resize(before + 1);
  EXPECT_TRUE(gateway("b.db")->tokens()->empty());
}

TEST_F(SharedRegistry, OldCertificatesGo) {
  const auto a = gateway("a.db");
  ASSERT_TRUE(enrol(*a, token_at(*a), "press-07"));
  auto shown = key_of(*a);
  for (int i = 0; i < 20; ++i) {
    const auto facts = renewal("press-07");
    ASSERT_TRUE(a->renew(facts, shown));
    shown = facts.spki;
    clock.advance(24h * 30);
  }
  topic.compact();
  std::size_t certificates = 0;
  for (const auto& e : topic.entries) {
    if (e && e->key.starts_with("certificate")) ++certificates;
  }
  EXPECT_LE(certificates, 6u);
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

TEST_F(SharedRegistry, WhatCouldNotBeSaidIsNotForgotten) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  ASSERT_TRUE(registry->revoke("press-07").value());
  registry.reset();
  topic.read_only = true;
  for (int start = 0; start < 3; ++start) {
    EXPECT_EQ(gateway("gateway.db", false)->edges()->size(), 1u) << start;
  }
  topic.read_only = false;
  EXPECT_EQ(gateway("gateway.db")->edges()->size(), 1u);
  EXPECT_TRUE(gateway("b.db")->edges()->front().revoked);
}

TEST_F(SharedRegistry, ATopicWithoutALayoutDecidesNothing) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  registry.reset();
  topic.entries.clear();
  const auto a = gateway("gateway.db", false);
  EXPECT_NE(a->problem().find("topics init"), std::string::npos);
  EXPECT_EQ(a->edges()->size(), 1u);
  topic.say({"layout", R"({"v":1,"id":"first"})"});
  ASSERT_TRUE(a->refresh());
  EXPECT_TRUE(a->ready());
  EXPECT_EQ(a->edges()->size(), 1u);
}

TEST_F(SharedRegistry, TopicsThatWereMadeAnewAreToldAgain) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  registry.reset();
  const auto running = gateway("gateway.db");
  for (const bool by_command : {false, true}) {
    topic.entries.clear();
    topic.say({"layout", by_command ? R"({"v":1,"id":"third"})" : R"({"v":1,"id":"second"})"});
    if (by_command) {
      token_at(*command("gateway.db"));
    } else {
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(running->refresh());
      EXPECT_TRUE(running->ready());
    }
    ASSERT_EQ(gateway("gateway.db")->edges()->size(), 1u) << by_command;
    EXPECT_EQ(gateway("b" + std::to_string(by_command))->edges()->size(), 1u) << by_command;
  }
}

TEST_F(SharedRegistry, ATopicThatLostItsEndIsToldAgain) {
  const auto a = gateway("a.db");
  ASSERT_TRUE(enrol(*a, token_at(*a), "press-07"));
  const auto before = topic.entries.size();
  ASSERT_TRUE(a->revoke("press-07").value());
  topic.entries.resize(before);
  token_at(*command("a.db"));
  const auto again = gateway("a.db");
  EXPECT_TRUE(again->edges()->front().revoked);
  EXPECT_EQ(again->tokens()->size(), 2u);
  const auto b = gateway("b.db");
  EXPECT_TRUE(b->edges()->front().revoked);
  EXPECT_EQ(b->tokens()->size(), 2u);
}

TEST_F(SharedRegistry, ARevocationIsNotUndoneByWhoDidNotKnowIt) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  const auto spki = registry->edges().value()[0].spki;
  registry.reset();
  for (const char* suffix : {"", "-wal", "-shm"}) {  // a gateway with an older copy of the file
    std::error_code ignored;
    std::filesystem::copy(folder.path / ("gateway.db" + std::string(suffix)),
                          folder.path / ("old.db" + std::string(suffix)), ignored);
  }
  clock.advance(1s);
  ASSERT_TRUE(open_registry()->revoke("press-07").value());
  const auto old = gateway("old.db");  // it comes first
  EXPECT_FALSE(old->edges()->front().revoked);
  const auto knows = gateway("gateway.db");
  ASSERT_TRUE(old->refresh());
  for (auto* r : {old.get(), knows.get()}) {
    EXPECT_TRUE(r->edges()->front().revoked);
    EXPECT_TRUE(r->revoked(spki));
  }
}

TEST_F(SharedRegistry, WhatACommandAddsWhileAGatewayStartsStays) {
  gateway("a.db");
  const auto starting = Registry::open(folder.path / "a.db", clock).value();
  starting->share(std::make_unique<Shared::Reader>(topic, 0), 0);
  std::optional<wire::Token> t;
  topic.before_the_end = [&] { t = token_at(*command("a.db")); };
  ASSERT_TRUE(starting->refresh());
  ASSERT_TRUE(starting->refresh());
  EXPECT_TRUE(starting->ready());
  ASSERT_EQ(starting->tokens()->size(), 1u);
  EXPECT_EQ(starting->tokens()->front().id, t->id);
}

TEST_F(SharedRegistry, WhoAsksForTheEndNeedsNotBeToldOfIt) {
  ASSERT_TRUE(enrol(token(), "press-07"));
  registry.reset();
  topic.slow = true;
  const auto first = command("gateway.db");
  EXPECT_TRUE(first->ready());
  EXPECT_EQ(command("b.db")->edges()->size(), 1u);
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

}  // namespace
}  // namespace tidemark::gateway
