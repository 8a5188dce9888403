#include "tools/monochord-trace/options.h"

#include <algorithm>

#include "core/suggest.h"

namespace monochord::trace {

namespace {

Error unknown(std::string_view command, std::string_view word, std::span<const OptionSpec> specs) {
  std::vector<std::string_view> names;
  for (const OptionSpec& spec : specs) names.push_back(spec.name);
  names.push_back("--help");
  const std::string_view near = nearest_name(word, names);
  return errorf("%.*s: no option '%.*s'; did you mean '%.*s'? (monochord-trace %.*s --help lists them)", static_cast<int>(command.size()),
                command.data(), static_cast<int>(word.size()), word.data(), static_cast<int>(near.size()), near.data(),
                static_cast<int>(command.size()), command.data());
}

}  // namespace

Result<Options> Options::parse(std::string_view command, std::span<const OptionSpec> specs, std::span<const std::string_view> arguments,
                               size_t positional) {
  Options options;
  const std::string who(command);
  bool only_names = false;
  for (size_t i = 0; i < arguments.size(); i++) {
    const std::string_view word = arguments[i];
    if (only_names || word.size() < 2 || word[0] != '-') {
      options.positional_.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_names = true;
      continue;
    }
    const size_t equals = word.substr(0, 2) == "--" ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const OptionSpec& s) { return s.name == name; });
    if (spec == specs.end()) return unknown(command, name, specs);
    std::string value;
    if (spec->value.empty()) {
      if (equals != std::string_view::npos) return errorf("%s: %s takes no value", who.c_str(), std::string(name).c_str());
    } else if (equals != std::string_view::npos) {
      value = word.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return errorf("%s: %s needs a value, %s", who.c_str(), std::string(name).c_str(), std::string(spec->value).c_str());
    }
    options.values_[std::string(name)].push_back(value);
  }
  if (options.positional_.size() != positional)
    return errorf("%s: needs %zu file name%s, and got %zu (monochord-trace %s --help)", who.c_str(), positional, positional == 1 ? "" : "s",
                  options.positional_.size(), who.c_str());
  return options;
}

std::string Options::get(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "" : found->second.back();
}

std::vector<std::string> Options::all(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

}  // namespace monochord::trace
