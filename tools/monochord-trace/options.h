// The command line of one command: a table of options, values by name, the rest in order. Errors name the nearest option.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace monochord::trace {

struct OptionSpec {
  std::string_view name;   // "--from"
  std::string_view value;  // "TIME"; empty: takes none
  std::string_view help;
};

class Options {
 public:
  // `positional` says how many arguments without a name there must be. "--name VALUE" and "--name=VALUE" are the same.
  static Result<Options> parse(std::string_view command, std::span<const OptionSpec> specs, std::span<const std::string_view> arguments,
                               size_t positional);
  bool has(std::string_view name) const { return values_.find(name) != values_.end(); }
  std::string get(std::string_view name) const;  // the last one given, or ""
  std::vector<std::string> all(std::string_view name) const;
  const std::string& operator[](size_t i) const { return positional_[i]; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> values_;
  std::vector<std::string> positional_;
};

}  // namespace monochord::trace
