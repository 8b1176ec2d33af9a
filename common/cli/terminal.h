// Where text for people goes, and what that place can show: colour, width, characters.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace tidemark::cli {

struct Terminal {
  bool interactive = false;  // stdout is a terminal
  bool colour = false;       // interactive, NO_COLOR unset, TERM known and not dumb
  bool unicode = false;      // the locale is UTF-8; else text is written in ASCII
  unsigned width = 80;       // columns; 0: no terminal, nothing is cut

  static Terminal of_process();
};

enum class Tone : unsigned char { plain, good, warning, bad, dim, strong };

// stdout is data, stderr is talk. Both are written at once, so that lines keep their order.
class Output {
 public:
  explicit Output(Terminal terminal) : terminal_(terminal) {}
  virtual ~Output() = default;
  void out(std::string_view text) { write_out(fit(text)); }
  void err(std::string_view text) { write_err(fit(text)); }
  [[nodiscard]] const Terminal& terminal() const { return terminal_; }
  // The text in its tone where there is colour; the words must say it without.
  [[nodiscard]] std::string paint(Tone tone, std::string_view text) const;

  // "error: what" and, where there is something to do about it, "  try: next". Returns the exit
  // code that fits the fault.
  int fail(const Error& error, std::string_view next = "");
  int usage(std::string_view what, std::string_view next = "");  // 64

 protected:
  virtual void write_out(std::string_view text) = 0;
  virtual void write_err(std::string_view text) = 0;

 private:
  [[nodiscard]] std::string fit(std::string_view text) const;
  Terminal terminal_;
};

class StandardOutput final : public Output {
 public:
  StandardOutput() : Output(Terminal::of_process()) {}

 private:
  void write_out(std::string_view text) override;
  void write_err(std::string_view text) override;
};

class TextOutput final : public Output {  // for tests
 public:
  explicit TextOutput(Terminal terminal = {.unicode = true, .width = 0}) : Output(terminal) {}
  std::string text;    // stdout
  std::string errors;  // stderr

 private:
  void write_out(std::string_view t) override { text += t; }
  void write_err(std::string_view t) override { errors += t; }
};

int exit_code(Fault fault);  // an ExitCode
std::size_t cells(std::string_view text);  // columns on a terminal: code points, escapes left out
// ASCII for the few signs that we use beyond it ("…" is "...", "→" is "->"), "?" for others.
std::string to_ascii(std::string_view text);

}  // namespace tidemark::cli
