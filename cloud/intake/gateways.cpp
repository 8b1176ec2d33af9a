#include "cloud/intake/gateways.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/text.h"

namespace tidemark::intake {

Gateways::Gateway& Gateways::gateway(std::string_view name) {
  auto at = gateways_.find(name);
  if (at == gateways_.end()) at = gateways_.try_emplace(std::string(name)).first;
  at->second.heard_at = listened_;
  return at->second;
}

void Gateways::heard(std::string_view name, const std::string& edge, std::uint64_t session) {
  gateway(name);
  if (routes_.size() >= kRoutesMax && !routes_.contains(edge)) return;
  auto& route = routes_[edge];
  route.session = session;
  if (route.gateway != name) route.gateway = name;
}

void Gateways::heard(std::string_view name, std::uint64_t instance) {
  auto& g = gateway(name);
  if (instance == 0) return;
  const auto before = std::exchange(g.instance, instance);
  if (before != 0 && before != instance) end(name, true, {});
}

const Gateways::Route* Gateways::route(const std::string& edge) const {
  const auto at = routes_.find(edge);
  return at == routes_.end() ? nullptr : &at->second;
}

void Gateways::end(std::string_view gateway, bool anew, Nanoseconds silent) {
  std::erase_if(routes_, [&](auto& of_edge) {
    auto& [edge, route] = of_edge;
    if (route.gateway != gateway) return false;
    ended_.push_back({edge, route.session, std::move(route.gateway), anew, silent});
    return true;
  });
}

std::vector<Gateways::Ended> Gateways::look(SteadyTime now) {
  if (looked_at_ != SteadyTime::min()) {
    listened_ += std::min<Nanoseconds>(now - looked_at_, kLookMost);
  }
  looked_at_ = now;
  std::erase_if(gateways_, [&](const auto& g) {
    const auto silent = listened_ - g.second.heard_at;
    if (silent < patience_) return false;
    end(g.first, false, silent);
    return true;
  });
  return std::exchange(ended_, {});
}

std::string to_words(const Gateways::Ended& ended, EventTime now) {
  const auto name = ended.gateway.empty() ? std::string("its gateway")
                                          : "gateway " + printable(ended.gateway);
  return ended.anew ? fmt::format("{} began anew at {}", name, format_utc(now))
                    : fmt::format("{} silent since {}", name, format_utc(now - ended.silent));
}

}  // namespace tidemark::intake
