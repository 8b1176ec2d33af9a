// Two boxes that say they are one edge: a copied card or image, an identity that was given away
// twice. Each start of an edge draws a new incarnation and never says hello after the next one, so
// two that take turns are two boxes (semantics A2). Plain state: no I/O.
//
// Promise    an edge that restarts, however often, whose hello comes late or twice through another
//            gateway, is never taken for two. Of two that are, the one that was heard of later is
//            refused, and so are its later starts, until a person decides.
// Bounds     kGreetingsMax starts are watched, kRefusedMax refused ones and as many accepted ones
//            kept; the oldest go.
#pragma once

#include <optional>
#include <vector>

#include "common/model/seal.h"

namespace tidemark::reconcile {

class CloneGuard {
 public:
  static constexpr std::size_t kGreetingsMax = 16;
  static constexpr std::size_t kRefusedMax = 1024;
  // So often a start comes back after a later one before they are two boxes: a hello may lie at a
  // gateway until that learns that its connection has gone.
  static constexpr unsigned kReturnsMax = 3;

  struct Outcome {
    bool welcome = true;                 // the start that says hello
    std::optional<Incarnation> refused;  // this one, from now on
    bool was_accepted = false;           // a person let it in, and this is its first hello since
    std::vector<Incarnation> forgiven;   // no longer refused: the starts it descends from
  };
  Outcome hello(Incarnation current, const std::vector<Closing>& closings);
  [[nodiscard]] bool refuses(Incarnation i) const;
  [[nodiscard]] bool refuses_any() const { return !refused_.empty(); }
  void refuse(Incarnation i);
  // It is welcome at its next hello, whatever it descends from.
  void accept(Incarnation i);
  // The start that said hello last before this node started.
  void restore(Incarnation last);

 private:
  struct Greeting {
    Incarnation incarnation;
    unsigned returns = 0;
  };
  // In the order of their first hello; a start stands where those it descends from stood.
  std::vector<Greeting> greetings_;
  std::vector<Incarnation> refused_;  // oldest first
  std::vector<Incarnation> accepted_;  // that did not say hello since; oldest first
  Incarnation last_;
};

}  // namespace tidemark::reconcile
