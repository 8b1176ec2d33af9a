#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/disk.h"
#include "common/base/random.h"
#include "common/tls/tickets.h"
#include "tests/common/test_authority.h"
#include "tests/support/folder.h"

namespace tidemark::tls {
namespace {

using test::order;
using test::TestAuthority;

struct Sockets {
  Sockets() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, d), 0); }
  ~Sockets() {
    close(d[0]);
    close(d[1]);
  }
  int d[2]{};
};

struct Outcome {
  std::string client;  // empty: it is content
  std::string server;
  Peer seen_by_server;
  bool resumed = false;
};

// Turns both sides in one thread until both have an opinion.
struct Pair {
  Pair(ServerContext& s, ClientContext& c)
      : server(s.accept(sockets.d[0]).value()), client(c.connect(sockets.d[1]).value()) {}
  Outcome handshake() {
    Outcome o;
    bool server_done = false;
    bool client_done = false;
    for (int turn = 0; turn < 50 && !(server_done && client_done); ++turn) {
      step(*client, client_done, o.client, sockets.d[1]);
      step(*server, server_done, o.server, sockets.d[0]);
    }
    o.seen_by_server = server->peer();
    o.resumed = server->resumed();
    return o;
  }
  static void step(Connection& c, bool& done, std::string& problem, int descriptor) {
    if (done) return;
    const auto r = c.handshake();
    if (!r) {
      problem = r.error().text();
      done = true;
      shutdown(descriptor, SHUT_RDWR);
    } else if (*r == Progress::done) {
      done = true;
    }
  }
  Sockets sockets;
  std::unique_ptr<Connection> server;
  std::unique_ptr<Connection> client;
};

class Tls : public testing::Test {
 protected:
  std::shared_ptr<ServerContext> server(const Credentials& c) {
    return ServerContext::make({c, {ca.certificate}, revoked}, clock).value();
  }
  std::shared_ptr<ClientContext> client(const Credentials& c) {
    return ClientContext::make({{c}, {ca.certificate}, {}}, clock).value();
  }
  Outcome meet(const Credentials& gateway, const Credentials& edge) {
    auto s = server(gateway);
    auto c = client(edge);
    return Pair(*s, *c).handshake();
  }
  TestAuthority ca;
  TestAuthority other_ca;
  SystemClock clock;
  std::function<bool(const CertificateFacts&)> revoked;
};

TEST_F(Tls, BothSidesKnowEachOther) {
  const auto o = meet(ca.gateway(), ca.edge("press-07"));
  EXPECT_EQ(o.client, "");
  EXPECT_EQ(o.server, "");
  EXPECT_TRUE(o.seen_by_server.verified) << o.seen_by_server.problem;
  EXPECT_EQ(o.seen_by_server.facts.name, "press-07");
  EXPECT_EQ(o.seen_by_server.facts.site, "plant7");
}

TEST_F(Tls, TheClientRefusesWrongServers) {
  auto expired = order("gw1", true);
  expired.not_after = clock.wall() - std::chrono::minutes(5);
  auto renamed = order("gw1", true);
  renamed.dns_name = "elsewhere.example";
  EXPECT_NE(meet(other_ca.gateway(), ca.edge()).client.find("another CA"), std::string::npos);
  EXPECT_NE(meet(ca.issue(expired), ca.edge()).client.find("expired"), std::string::npos);
  EXPECT_NE(meet(ca.issue(renamed), ca.edge()).client.find("name"), std::string::npos);
  EXPECT_NE(meet(ca.edge("press-01"), ca.edge()).client, "") << "an edge posed as the gateway";
  auto posing = order("gateway.tidemark");  // the name in the subject does not help
  EXPECT_NE(meet(ca.issue(posing), ca.edge()).client.find("use"), std::string::npos);
}

TEST_F(Tls, TheServerTellsWhatIsWrongWithAClient) {
  auto expired = order("press-07");
  expired.not_after = clock.wall() - std::chrono::minutes(5);
  auto early = order("press-07");
  early.not_before = clock.wall() + std::chrono::hours(2);
  struct Row {
    Credentials edge;
    const char* word;
  };
  const Row rows[] = {{other_ca.edge(), "another CA"},
                      {ca.issue(expired), "expired"},
                      {ca.issue(early), "not valid yet"},
                      {ca.gateway(), "another use"}};
  for (const auto& row : rows) {
    const auto o = meet(ca.gateway(), row.edge);
    EXPECT_FALSE(o.seen_by_server.verified);
    EXPECT_NE(o.seen_by_server.problem.find(row.word), std::string::npos)
        << o.seen_by_server.problem;
  }
}

TEST_F(Tls, ARevokedEdgeIsKnownAlsoWhenItResumes) {
  const auto edge = ca.edge();
  bool refuse = false;
  revoked = [&](const CertificateFacts& f) { return refuse && f.spki == edge.key.spki_hash(); };
  auto s = server(ca.gateway());
  auto c = client(edge);
  EXPECT_FALSE(Pair(*s, *c).handshake().resumed);
  const auto again = Pair(*s, *c).handshake();
  EXPECT_TRUE(again.resumed);
  EXPECT_TRUE(again.seen_by_server.verified);
  EXPECT_EQ(again.seen_by_server.facts.name, "press-07");
  refuse = true;
  const auto late = Pair(*s, *c).handshake();
  EXPECT_FALSE(late.seen_by_server.verified);
  EXPECT_NE(late.seen_by_server.problem.find("revoked"), std::string::npos);
}

// Servers whose tickets are in files, at a time of the test's own.
class Resuming : public Tls {
 protected:
  std::shared_ptr<ServerContext> server_of(const std::filesystem::path& path) {
    return ServerContext::make({gateway, {ca.certificate}, {}, path}, later).value();
  }
  bool resumes(ServerContext& s, ClientContext& c) {
    const auto o = Pair(s, c).handshake();
    EXPECT_EQ(o.client, "");
    EXPECT_TRUE(o.seen_by_server.verified) << o.seen_by_server.problem;
    EXPECT_EQ(o.seen_by_server.facts.name, "press-07");
    return o.resumed;
  }
  // A client with a ticket of today.
  std::shared_ptr<ClientContext> with_ticket() {
    auto c = client(edge);
    EXPECT_FALSE(resumes(*server_of(file), *c));
    return c;
  }
  static void damage(const std::filesystem::path& path) {
    EXPECT_TRUE(write_file(path, "some words of somebody's", 0600));
  }
  const Credentials gateway = ca.gateway(), edge = ca.edge();
  ManualClock later{clock.wall()};
  test::Folder folder;
  const std::filesystem::path file = folder.path / "tickets";
};

TEST_F(Resuming, AServerThatComesAgainTakesTheTicketsOfBefore) {
  const auto c = with_ticket();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(resumes(*server_of(file), *c));
  EXPECT_FALSE(resumes(*server_of({}), *c)) << "one that keeps them to itself";
}

TEST_F(Resuming, ServersWithCopiesOfTheSecretTakeEachOthersForSevenDays) {
  const auto copy = folder.path / "copy";
  ASSERT_TRUE(Tickets::prepare(file, later));
  std::filesystem::copy(file, copy);
  for (int day = 0; day < 20; ++day) {  // neither hears of the other again
    EXPECT_TRUE(resumes(*server_of(copy), *with_ticket())) << day;
    later.advance(std::chrono::hours(24));
  }
  const auto c = with_ticket();
  later.advance(std::chrono::hours(7 * 24));
  EXPECT_TRUE(resumes(*server_of(copy), *c));
  later.advance(std::chrono::hours(24));
  EXPECT_FALSE(resumes(*server_of(copy), *c));
}

TEST_F(Resuming, AClockThatGoesBackChangesNothing) {
  const auto c = with_ticket();
  for (const int hours : {24, 48, 400 * 24}) {
    later.advance(-std::chrono::hours(hours));
    EXPECT_TRUE(resumes(*server_of(file), *c)) << hours;
  }
}

// It may be good tomorrow: the gateway's clock was wrong, the edge is enrolled anew.
TEST_F(Resuming, WhoseCertificateIsNotGoodGetsNoTicket) {
  const auto c = client(other_ca.edge());
  for (int i = 0; i < 2; ++i) {
    const auto o = Pair(*server_of(file), *c).handshake();
    EXPECT_FALSE(o.resumed);
    EXPECT_FALSE(o.seen_by_server.verified);
  }
}

TEST_F(Resuming, OnlyServersThatTrustTheSameCaTakeThem) {
  const auto c = with_ticket();
  const auto other = ServerContext::make(
      {gateway, {ca.certificate, other_ca.certificate}, {}, file}, later).value();
  EXPECT_FALSE(resumes(*other, *c));
}

TEST_F(Resuming, AFileThatCannotBeTrustedIsMadeAnew) {
  using std::filesystem::perms;
  const auto open_to_all = [&] { permissions(file, perms::owner_all | perms::others_read); };
  const auto cut_short = [&] { resize_file(file, 39); };
  for (const auto& spoil : {std::function<void()>(open_to_all), {[&] { damage(file); }},
                            std::function<void()>(cut_short)}) {
    const auto c = with_ticket();
    spoil();
    EXPECT_FALSE(resumes(*server_of(file), *c));
    EXPECT_TRUE(resumes(*server_of(file), *c)) << "the new one is kept";
    EXPECT_EQ(status(file).permissions(), perms::owner_read | perms::owner_write);
  }
}

TEST_F(Resuming, AFolderThatCannotBeWrittenCostsTheTicketsAlone) {
  const auto s = server_of(folder.path / "missing" / "tickets");
  const auto c = client(edge);
  EXPECT_FALSE(resumes(*s, *c));
  EXPECT_TRUE(resumes(*s, *c));
}

TEST_F(Tls, AnEdgeWithoutACertificatePinsTheCa) {
  auto s = server(ca.gateway());
  const auto join = [&](const TestAuthority& pinned) {
    const auto spki = pinned.key.spki_hash();
    auto c = ClientContext::make({{}, {}, {spki.begin(), spki.begin() + 16}}, clock).value();
    return Pair(*s, *c).handshake();
  };
  const auto good = join(ca);
  EXPECT_EQ(good.client, "");
  EXPECT_FALSE(good.seen_by_server.verified);
  EXPECT_FALSE(good.seen_by_server.present);
  EXPECT_NE(join(other_ca).client.find("token"), std::string::npos);
}

TEST_F(Tls, APinnedCaMustHaveSignedTheServer) {
  auto forged = other_ca.gateway();       // signed by someone else …
  forged.chain = {forged.chain[0], ca.certificate};  // … who shows the right CA beside it
  auto s = server(forged);
  const auto spki = ca.key.spki_hash();
  auto c = ClientContext::make({{}, {}, {spki.begin(), spki.begin() + 16}}, clock).value();
  EXPECT_NE(Pair(*s, *c).handshake().client, "");
}

TEST_F(Tls, ABoxWithoutAClockMayConnect) {
  ManualClock ancient(event_time(0));
  auto early = order("gw1", true);
  early.not_before = clock.wall() + std::chrono::hours(2);  // as a box of 1970 sees every one
  auto s = server(ca.issue(early));
  auto c = ClientContext::make({{ca.edge()}, {ca.certificate}, {}}, ancient).value();
  EXPECT_EQ(Pair(*s, *c).handshake().client, "");
  auto strict = client(ca.edge());
  EXPECT_NE(Pair(*s, *strict).handshake().client, "");
}

TEST_F(Tls, BytesArriveWholeThroughFullPipes) {
  auto s = server(ca.gateway());
  auto c = client(ca.edge());
  Pair pair(*s, *c);
  ASSERT_EQ(pair.handshake().client, "");
  ByteVector sent(3'000'000);
  SeededRandom random(1);
  for (auto& b : sent) b = static_cast<std::uint8_t>(random.next());
  ByteVector received;
  std::size_t at = 0;
  ByteVector buffer(5000);
  while (received.size() < sent.size()) {
    if (at < sent.size()) {
      const auto n = pair.client->write(ByteSpan(sent).subspan(at));
      ASSERT_TRUE(n) << n.error().text();
      at += n->bytes;
    }
    const auto n = pair.server->read(buffer);
    ASSERT_TRUE(n) << n.error().text();
    received.insert(received.end(), buffer.begin(),
                    buffer.begin() + static_cast<std::ptrdiff_t>(n->bytes));
  }
  EXPECT_EQ(received, sent);
  EXPECT_GT(pair.server->bytes_in(), sent.size());
  EXPECT_LT(static_cast<double>(pair.server->bytes_in()), 1.01 * static_cast<double>(sent.size()));
  pair.client->close_notify();
  EXPECT_EQ(pair.server->read(buffer)->progress, Progress::closed);
}

TEST_F(Tls, GarbageInsteadOfAHandshakeIsAFault) {
  auto s = server(ca.gateway());
  Sockets sockets;
  auto connection = s->accept(sockets.d[0]).value();
  const std::string words = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_GT(write(sockets.d[1], words.data(), words.size()), 0);
  EXPECT_FALSE(connection->handshake());
}

TEST(Keys, GoToAFileThatOnlyTheOwnerReads) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("tidemark-key-" + std::to_string(getpid()) + ".pem");
  const auto key = PrivateKey::generate().value();
  ASSERT_TRUE(key.save(path));
  struct stat st {};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_EQ(PrivateKey::load(path)->spki_hash(), key.spki_hash());
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  EXPECT_EQ(PrivateKey::load(path).error().fault(), Fault::denied);
  std::filesystem::remove(path);
}

TEST(Certificates, SayWhoAndUntilWhen) {
  TestAuthority ca;
  const auto o = order("press-07");
  const auto facts = inspect(ca.issue(o).chain[0]).value();
  EXPECT_EQ(facts.name, "press-07");
  EXPECT_EQ(facts.site, "plant7");
  EXPECT_EQ(facts.not_after, floor_to(o.not_after, std::chrono::seconds(1)));
  EXPECT_TRUE(facts.client);
  EXPECT_FALSE(facts.server);
  EXPECT_FALSE(facts.authority);
  EXPECT_TRUE(inspect(ca.certificate)->authority);
  const auto pem = certificate_pem(ca.certificate) + certificate_pem(ca.edge().chain[0]);
  EXPECT_EQ(certificates_from_pem(pem)->size(), 2u);
  EXPECT_EQ(certificates_from_pem(pem)->front(), ca.certificate);
}

TEST(Certificates, ADamagedRequestIsRefusedAtEveryByte) {
  TestAuthority ca;
  const auto csr = PrivateKey::generate()->request("press-07").value();
  ASSERT_TRUE(issue(ca.key, ca.certificate, csr, order("press-07")));
  for (std::size_t i = 0; i < csr.size(); ++i) {
    auto bad = csr;
    bad[i] ^= 1;
    EXPECT_FALSE(issue(ca.key, ca.certificate, bad, order("press-07"))) << i;
    EXPECT_FALSE(issue(ca.key, ca.certificate, ByteSpan(csr).first(i), order("press-07"))) << i;
  }
}

TEST(Certificates, NamesThatCouldSayMoreAreRefused) {
  TestAuthority ca;
  const auto csr = PrivateKey::generate()->request("x").value();
  for (const char* name : {"", "a,O=b", "-a", "a b", "ä", "a=b", "a\\b"}) {
    EXPECT_FALSE(issue(ca.key, ca.certificate, csr, order(name))) << name;
  }
  EXPECT_FALSE(issue(ca.key, ca.certificate, csr, order(std::string(64, 'a'))));
  EXPECT_TRUE(issue(ca.key, ca.certificate, csr, order(std::string(63, 'a'))));
}

TEST(Primitives, MatchTheirPublishedVectors) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace tidemark::tls
