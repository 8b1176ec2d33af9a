#include "edge/daemon/rules.h"

#include <algorithm>

#include "common/base/disk.h"
#include "edge/daemon/words.h"

namespace tidemark::edge {
namespace {

using pipeline::Forward;
using pipeline::GroupBy;
using pipeline::WindowType;

constexpr Word<Forward> kForwards[] = {{"raw", Forward::raw},
                                       {"windows", Forward::windows},
                                       {"both", Forward::both},
                                       {"windows+context", Forward::windows},
                                       {"nothing", Forward::nothing}};
constexpr Word<WindowType> kTypes[] = {{"tumbling", WindowType::tumbling},
                                       {"hopping", WindowType::hopping},
                                       {"sliding", WindowType::sliding},
                                       {"session", WindowType::session},
                                       {"count", WindowType::count}};
constexpr Word<GroupBy> kGroups[] = {{"series", GroupBy::series},
                                     {"device", GroupBy::device},
                                     {"source", GroupBy::source},
                                     {"rule", GroupBy::rule}};

Result<pipeline::WindowRule> window_of(const config::RuleConfig& rule) {
  const auto& w = *rule.window;
  pipeline::WindowRule out;
  out.type = value_of(w.type, kTypes);
  out.size = w.size;
  out.hop = w.hop;
  out.gap = w.gap;
  out.count = static_cast<std::uint64_t>(std::max<std::int64_t>(w.count, 0));
  out.lateness = w.lateness;
  out.carrier = w.carrier;
  out.group = value_of(w.group, kGroups);
  out.name = w.name;
  out.max_hold = w.max_hold;
  out.rollover = w.rollover;
  TIDE_ASSIGN(auto wanted, window::Wanted::parse(rule.aggregates));
  out.wanted = std::make_shared<const window::Wanted>(std::move(wanted));
  TIDE_TRY(out.check());
  return out;
}

}  // namespace

Result<std::vector<pipeline::Rule>> rules_of(const config::EdgeConfig& config) {
  std::vector<pipeline::Rule> rules;
  for (const auto& r : config.rules) {
    pipeline::Rule rule;
    rule.select = r.select;
    rule.forward = value_of(r.forward, kForwards);
    rule.filter = r.filter;
    if (r.context) rule.context = {r.context->before, r.context->after};
    rule.publish = r.publish;
    if (r.window) {
      auto window = window_of(r);
      if (!window)
        return std::move(window).error().within("rule " + r.select + " (" + r.place + ")");
      rule.window = std::move(window).value();
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

Result<std::unique_ptr<publish::Publisher>> build_publisher(const config::EdgeConfig& config) {
  const auto& c = config.publish;
  if (std::all_of(config.rules.begin(), config.rules.end(),
                  [](const auto& r) { return r.publish.empty(); })) {
    return std::unique_ptr<publish::Publisher>();
  }
  publish::Options o;
  o.url = c.url;
  o.client_id = c.client_id;
  o.username = c.username;
  TIDE_ASSIGN(o.password, read_secret(c.password_file));
  o.ca_file = c.ca_file;
  o.cert_file = c.cert_file;
  o.key_file = c.key_file;
  o.retain = c.retain;
  return publish::Publisher::start(std::move(o));
}

}  // namespace tidemark::edge
