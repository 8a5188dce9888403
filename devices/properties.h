// Properties of device types (-device TYPE,name=value,...): each is declared once, as a row with its name, type, default and setter; `help` and the
// error for an unknown name come from the same rows. Main context, before the machine runs.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"

namespace monochord {

using PropertyList = std::vector<std::pair<std::string, std::string>>;

struct PropertyInfo {
  const char* name;
  const char* type;           // "bool", "uint32", "size", "str"
  const char* default_value;  // "" where there is none
  const char* help;
};

// Values as QEMU's command line writes them.
Result<bool> parse_bool(const std::string& text);                            // on, off, true, false, yes, no
Result<uint64_t> parse_uint(const std::string& text, uint64_t max);          // decimal, 0x hexadecimal
Result<uint64_t> parse_size(const std::string& text, uint64_t max);          // a number with an optional suffix K M G T (powers of 1024)

template <typename Options>
struct Property {
  PropertyInfo info;
  Status (*set)(Options& options, const std::string& value);
};

// Setters for plain members.
template <auto Member, typename Options>
Status set_bool(Options& options, const std::string& value) {
  Result<bool> parsed = parse_bool(value);
  if (!parsed) return parsed.error();
  options.*Member = *parsed;
  return {};
}
template <auto Member, uint64_t kMax, typename Options>
Status set_uint(Options& options, const std::string& value) {
  Result<uint64_t> parsed = parse_uint(value, kMax);
  if (!parsed) return parsed.error();
  options.*Member = *parsed;
  return {};
}
template <auto Member, uint64_t kMax, typename Options>
Status set_size(Options& options, const std::string& value) {
  Result<uint64_t> parsed = parse_size(value, kMax);
  if (!parsed) return parsed.error();
  options.*Member = *parsed;
  return {};
}
template <auto Member, typename Options>
Status set_string(Options& options, const std::string& value) {
  options.*Member = value;
  return {};
}

Error unknown_property(const char* type, const std::string& name, std::span<const PropertyInfo> known);

// Sets the listed properties; the last one of a name counts. An error names the type, the property and what it takes.
template <typename Options>
Status apply_properties(const char* type, std::span<const Property<Options>> rows, const PropertyList& list, Options& options) {
  for (const auto& [name, value] : list) {
    const Property<Options>* found = nullptr;
    for (const Property<Options>& row : rows)
      if (name == row.info.name) found = &row;
    if (found == nullptr) {
      std::vector<PropertyInfo> known;
      for (const Property<Options>& row : rows) known.push_back(row.info);
      return unknown_property(type, name, known);
    }
    if (Status status = found->set(options, value); !status)
      return errorf("-device %s,%s=%s: %s", type, name.c_str(), value.c_str(), status.error().message.c_str());
  }
  return {};
}

}  // namespace monochord
