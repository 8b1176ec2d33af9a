#include "cloud/http/face.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cloud/fake_store.h"
#include "tests/common/http_client.h"

namespace tidemark::http {
namespace {

using test::HttpReply;
using test::HttpSocket;
using test::some_answer;
using test::some_edge;

constexpr const char* kPower = "press-07/line1/power_total";

class CloudFace : public testing::Test {
 protected:
  CloudFace() {
    for (int minute = 0; minute < 3; ++minute) {
      store_.emit(some_answer(kPower, start_ + std::chrono::minutes(minute), 4800 + minute));
    }
    store_.emit(some_answer("press-08/line2/power_total", start_, 100));
    store_.set_edges({some_edge("press-07", start_)});
    face_ = std::make_unique<Face>(
        [this]() -> Result<std::unique_ptr<query::Reader>> { return store_.reader(); },
        "127.0.0.1:0", registry_, clock_);
    const auto started = face_->start();
    EXPECT_TRUE(started.ok());
  }
  HttpReply get(std::string_view target, std::string_view extra = "") {
    return test::http(face_->port(), "GET", target, "", extra);
  }
  nlohmann::json json(std::string_view target, int status = 200) {
    const auto reply = get(target);
    EXPECT_EQ(reply.status, status) << reply.body;
    auto parsed = nlohmann::json::parse(reply.body, nullptr, false);
    EXPECT_FALSE(parsed.is_discarded()) << reply.body;
    EXPECT_EQ(parsed.value("v", 0), 1);
    return parsed;
  }
  void listen(HttpSocket& s, std::string_view query, std::string_view headers = "") {
    s.write("GET /v1/stream" + std::string(query) + " HTTP/1.1\r\nHost: t\r\n" +
            std::string(headers) + "\r\n");
  }

  EventTime start_ = *parse_utc("2026-11-21T02:00:00Z");
  ManualClock clock_{*parse_utc("2026-11-21T02:05:00Z")};
  metrics::Registry registry_;
  test::FakeStore store_;
  std::unique_ptr<Face> face_;
};

TEST_F(CloudFace, AnswersInTheContractsEnvelope) {
  const auto body = json("/v1/answers?q=avg+line1/power_total+by+1m&from=-10m&to=now");
  ASSERT_EQ(body["answers"].size(), 3u);
  EXPECT_EQ(body["answers"][0]["series"], kPower);
  EXPECT_EQ(body["answers"][0]["state"], "sealed");
  EXPECT_EQ(body["answers"][2]["values"]["mean"], 4802.0);
  EXPECT_EQ(body["answers"][0]["completeness"], 1.0);
}

TEST_F(CloudFace, RevisionsAreAllOfThem) {
  auto late = some_answer(kPower, start_, 5000);
  late.revision = 1;
  late.state = answers::State::revised;
  late.cause = "late";
  late.previous = {{"mean", 4800.0}};
  store_.emit(late);
  const auto body = json("/v1/revisions?view=power_1m&series=line1/*&to=2026-11-21T02:01:00Z");
  ASSERT_EQ(body["answers"].size(), 2u);
  EXPECT_EQ(body["answers"][1]["cause"], "late");
  EXPECT_EQ(body["answers"][1]["previous"]["mean"], 4800.0);
  EXPECT_EQ(json("/v1/answers?series=line1/*")["answers"][0]["revision"], 1);
}

TEST_F(CloudFace, EdgesCarryLedgersThatAddUpAndTheirLag) {
  const auto body = json("/v1/edges");
  EXPECT_EQ(body["position"], 4);
  EXPECT_EQ(body["lag"], 300);
  EXPECT_EQ(body["ledger"]["taken"], 100);
  const auto& edge = body["edges"][0];
  EXPECT_EQ(edge["name"], "press-07");
  EXPECT_EQ(edge["frontier"], "2026-11-21T02:00:00Z");
  EXPECT_EQ(edge["frontier_lag_s"], 300);
  EXPECT_EQ(edge["completeness"], 1);
  EXPECT_EQ(edge["sources"][0]["good"], 60);
}

TEST_F(CloudFace, StatusSaysWhoHasWhichPartition) {
  EXPECT_EQ(json("/v1/edges")["partitions"], 1);
  EXPECT_EQ(json("/v1/edges")["owners"].size(), 0u);
  store_.set_partitions({{0, true, "hall-1:8080", start_, 12}, {1, false, "hall-2:8080"}, {2}});
  const auto body = json("/v1/edges");
  EXPECT_EQ(body["partitions"], 1);
  ASSERT_EQ(body["owners"].size(), 3u);
  EXPECT_EQ(body["owners"][0]["behind"], 12);
  EXPECT_EQ(body["owners"][0]["since"], "2026-11-21T02:00:00Z");
  EXPECT_EQ(body["owners"][1]["owner"], "hall-2:8080");
  EXPECT_TRUE(body["owners"][1]["behind"].is_null());
  EXPECT_TRUE(body["owners"][2]["owner"].is_null());
}

TEST_F(CloudFace, EventsAreTheObjectsOfTheEdgesWithTheirPartition) {
  store::Event spike{1, "press-07", kPower, start_, "spike", "raised", 7, R"({"v":1,"id":7})"};
  store::Event limit{2, "press-07", kPower, start_, "hi", "cleared", 8, R"({"v":1,"id":8})", 3};
  store_.set_events({spike, limit});
  EXPECT_EQ(get("/v1/events").body,
            "{\"v\":1,\"events\":[{\"v\":1,\"id\":7},{\"v\":1,\"id\":8,\"partition\":3}]}\n");
  EXPECT_EQ(json("/v1/events?cause=hi")["events"][0]["id"], 8);
  EXPECT_EQ(json("/v1/events?state=raised&limit=9")["events"][0]["id"], 7);
  EXPECT_EQ(json("/v1/events?series=line9/*")["events"].size(), 0u);
  EXPECT_EQ(json("/v1/events?to=2000-01-01")["events"].size(), 0u);
  for (const char* bad : {"state=open", "limit=0", "from=x", "from=2026-01-02&to=2026-01-01",
                          "why=spike"}) {
    EXPECT_EQ(get(std::string("/v1/events?") + bad).status, 400) << bad;
  }
}

TEST_F(CloudFace, SeriesLateLossesDeadLettersAndViews) {
  store_.set_series({test::some_series("press-07", "line1", "power_total", "W", 4802, start_)});
  store_.set_late({{kPower, start_, 12, "pane"}});
  auto edge = some_edge("press-07", start_);
  edge.ledger.evicted = 5;
  edge.ledger.answered = 95;
  store_.set_edges({edge});
  store_.set_dead_letters({{7, "press-07", "unknown block format 9", start_, 900, 0}});
  EXPECT_EQ(json("/v1/series?series=line1/*")["series"][0]["unit"], "W");
  EXPECT_EQ(json("/v1/series?series=line9/*")["series"].size(), 0u);
  EXPECT_EQ(json("/v1/late")["late"][0]["readings"], 12);
  EXPECT_EQ(json("/v1/losses")["losses"][0]["reason"], "evicted");
  EXPECT_EQ(json("/v1/deadletters")["deadletters"][0]["id"], 7);
  EXPECT_EQ(json("/v1/deadletters?why=foreign")["deadletters"].size(), 0u);
  EXPECT_EQ(json("/v1/deadletters/one?id=7")["deadletter"]["state"], "kept");
  EXPECT_EQ(get("/v1/deadletters/one?id=8").status, 404);
  EXPECT_EQ(json("/v1/edges")["dead_letters"]["unreadable"], 1);
  EXPECT_EQ(json("/v1/views")["views"][0], "power_1m");
}

struct BadRow {
  std::string target;
  std::string says;
};
void PrintTo(const BadRow& row, std::ostream* out) { *out << row.target; }
class BadRequest : public CloudFace, public testing::WithParamInterface<BadRow> {};

TEST_P(BadRequest, Is400AndSaysWhatWasExpected) {
  const auto body = json(GetParam().target, 400);
  const std::string text = body["error"]["text"];
  EXPECT_NE(text.find(GetParam().says), std::string::npos) << text;
}

INSTANTIATE_TEST_SUITE_P(
    Rows, BadRequest,
    testing::Values(BadRow{"/v1/answers?form=-1h", "did you mean 'from'?"},
                    BadRow{"/v1/answers?from=yesterday", "from: "},
                    BadRow{"/v1/answers?q=avrage+x", "avrage"},
                    BadRow{"/v1/answers?q=avg", "no view 'avg'"},
                    BadRow{"/v1/answers?view=power_2m", "did you mean 'power_1m'?"},
                    BadRow{"/v1/answers?by=1q", "by: "},
                    BadRow{"/v1/answers?tz=Europe/Berlin", "1month long"},
                    BadRow{"/v1/answers?limit=0", "1 to 100000"},
                    BadRow{"/v1/answers?newest=0", "newest: '0' is not a number from 1 to 10000"},
                    BadRow{"/v1/answers?newest=10001", "from 1 to 10000"},
                    BadRow{"/v1/revisions?newest=1", "only /v1/answers"},
                    BadRow{"/v1/answers?sealed=maybe", "neither true nor false"},
                    BadRow{"/v1/answers?from=now&to=-1h", "from is after to"},
                    BadRow{"/v1/edges?x=1", "takes none"},
                    BadRow{"/v1/stream?position=abc", "no position"}));

TEST_F(CloudFace, MoreThanTheLimitIs413AndNamesIt) {
  const auto body = json("/v1/answers?limit=1", 413);
  EXPECT_EQ(body["error"]["expected"], "a shorter range, newest, or limit up to 100000");
}

TEST_F(CloudFace, NewestWindowsOfEachSeriesFitWhereAllDoNot) {
  json("/v1/answers?limit=3", 413);
  const auto body = json("/v1/answers?limit=3&newest=2");
  ASSERT_EQ(body["answers"].size(), 3u);
  EXPECT_EQ(body["answers"][0]["start"], "2026-11-21T02:01:00Z");
  EXPECT_EQ(body["answers"][1]["start"], "2026-11-21T02:02:00Z");
  EXPECT_EQ(body["answers"][2]["series"], "press-08/line2/power_total");
}

TEST_F(CloudFace, StoreThatIsAwayIs503AndComesBack) {
  store_.fail(true);
  EXPECT_EQ(get("/v1/edges").status, 503);
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/healthz").status, 200);
  store_.fail(false);
  EXPECT_EQ(get("/v1/edges").status, 200);
  EXPECT_EQ(get("/readyz").status, 200);
}

TEST_F(CloudFace, PageIsServedWithItsPolicyAndCached) {
  const auto page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.head.find("Content-Security-Policy: default-src 'self'"), std::string::npos);
  EXPECT_NE(page.head.find("text/html"), std::string::npos);
  EXPECT_EQ(page.body.find("<script>"), std::string::npos) << "inline code would not run";
  EXPECT_EQ(page.body.find("style="), std::string::npos);
  const auto at = page.head.find("ETag: ") + 6;
  const auto etag = page.head.substr(at, page.head.find("\r\n", at) - at);
  EXPECT_EQ(get("/", "If-None-Match: " + etag + "\r\n").status, 304);
  const auto packed = get("/dygraph.js", "Accept-Encoding: gzip\r\n");
  EXPECT_NE(packed.head.find("Content-Encoding: gzip"), std::string::npos);
  EXPECT_LT(packed.body.size(), 60'000u);
}

TEST_F(CloudFace, DescribesItselfAndMeasuresItself) {
  const auto described = nlohmann::json::parse(get("/openapi.json").body);
  for (const char* path : {"/v1/answers", "/v1/revisions", "/v1/edges", "/v1/series", "/v1/late",
                           "/v1/events", "/v1/losses", "/v1/deadletters", "/v1/views",
                           "/v1/stream"}) {
    EXPECT_TRUE(described["paths"].contains(path)) << path;
  }
  get("/v1/views");
  const auto metrics = get("/metrics").body;
  EXPECT_NE(metrics.find("tidemark_cloud_http_requests_total{path=\"/v1/views\"} 1\n"),
            std::string::npos)
      << metrics;
  EXPECT_NE(get("/metrics", "Accept: application/openmetrics-text\r\n").body.find("# EOF"),
            std::string::npos);
}

TEST_F(CloudFace, StreamBringsWhatIsEmittedFromNowOn) {
  HttpSocket s(face_->port());
  listen(s, "");
  s.read_until("event: hello\ndata: {\"v\":1,\"position\":4}\n\n");
  s.read_until("event: status\ndata: {\"v\":1,");
  store_.emit(some_answer(kPower, start_ + std::chrono::minutes(3), 1));
  const auto& got = s.read_until("id: 5\n");
  EXPECT_EQ(got.find("id: 4\n"), std::string::npos);
}

TEST_F(CloudFace, StreamResumesAfterTheLastEventWithoutGapOrRepeat) {
  HttpSocket first(face_->port());
  listen(first, "?position=0");
  first.read_until("id: 4\n");
  HttpSocket again(face_->port());
  listen(again, "", "Last-Event-ID: 2\r\n");
  again.read_until("id: 4\n");
  store_.emit(some_answer(kPower, start_ + std::chrono::minutes(3), 1));
  const auto& got = again.read_until("id: 5\n");
  EXPECT_EQ(got.find("id: 2\n"), std::string::npos);
  for (const char* id : {"id: 3\n", "id: 4\n", "id: 5\n"}) {
    const auto at = got.find(id);
    EXPECT_NE(at, std::string::npos) << id;
    EXPECT_EQ(got.find(id, at + 1), std::string::npos) << id << " twice";
  }
  first.read_until("id: 5\n");
}

TEST_F(CloudFace, StreamWithAPositionThatIsNotOursIsReset) {
  HttpSocket s(face_->port());
  listen(s, "?position=99");
  s.read_until("event: reset\ndata: {\"v\":1,\"position\":4}\n\n");
}

TEST_F(CloudFace, StreamFiltersBySeriesAndView) {
  HttpSocket s(face_->port());
  listen(s, "?position=0&series=press-08/**&view=power_1m");
  const auto& got = s.read_until("id: 4\n");
  EXPECT_EQ(got.find("id: 1\n"), std::string::npos);
}

// By labels of series, and of groups by their own.
TEST_F(CloudFace, StreamFiltersByLabels) {
  store_.set_series({test::some_series("press-07", "line1", "power_total", "W", 4802, start_),
                     test::some_series("press-08", "line2", "power_total", "kW", 1, start_)});
  auto group = some_answer("", start_, 7);
  group.labels = {{"site", "plant7"}, {"unit", "W"}};
  store_.emit(group);
  group.labels["unit"] = "bar";
  store_.emit(group);
  HttpSocket s(face_->port());
  listen(s, "?position=0&series=%7Bunit=W%7D");
  store_.emit(some_answer(kPower, start_ + std::chrono::minutes(90), 1));
  const auto& got = s.read_until("id: 7\n");
  EXPECT_NE(got.find("id: 5\n"), std::string::npos) << got;
  EXPECT_EQ(got.find("id: 6\n"), std::string::npos) << got;
  EXPECT_NE(got.find("id: 3\n"), std::string::npos) << got;
  EXPECT_EQ(got.find("id: 4\n"), std::string::npos) << got;
  HttpSocket wrong(face_->port());
  listen(wrong, "?series=a%20b");
  wrong.read_until("stands in quotes");
}

TEST_F(CloudFace, ManyEmissionsComeInOrder) {
  HttpSocket s(face_->port());
  listen(s, "");
  s.read_until("hello");
  // A listener that does not read for more than the stream's limit is cut, so read as they come.
  for (int i = 0; i < 3000; ++i) {
    store_.emit(some_answer(kPower, start_ + std::chrono::minutes(i), i));
    if (i % 100 == 99) s.read_until("id: " + std::to_string(i + 5) + "\n");
  }
  const auto& got = s.read_until("id: 3004\n");
  std::size_t at = 0;
  for (int id = 5; id <= 3004; ++id) {
    const auto next = got.find("id: " + std::to_string(id) + "\n", at);
    ASSERT_NE(next, std::string::npos) << id;
    at = next;
  }
}

}  // namespace
}  // namespace tidemark::http
