#include "tools/monochord-trace/filters.h"

#include <fnmatch.h>

#include "core/suggest.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

Status read_time(const Options& options, std::string_view name, std::optional<int64_t>* to) {
  if (!options.has(name)) return {};
  const std::string text = options.get(name);
  *to = parse_time(text);
  if (!*to) return errorf("%s %s: not a time; write a number with its unit, such as 250us or 1.5s", std::string(name).c_str(), text.c_str());
  return {};
}

}  // namespace

Result<Filter> Filter::from(const Options& options) {
  Filter filter;
  if (Status status = read_time(options, "--from", &filter.from_); !status) return status.error();
  if (Status status = read_time(options, "--to", &filter.to_); !status) return status.error();
  if (options.has("--insn")) {
    const std::string text = options.get("--insn");
    const size_t dots = text.find("..");
    const std::string first = text.substr(0, dots), last = dots == std::string::npos ? first : text.substr(dots + 2);
    if (!first.empty()) filter.first_instruction_ = parse_number(first);
    if (!last.empty()) filter.last_instruction_ = parse_number(last);
    if ((!first.empty() && !filter.first_instruction_) || (!last.empty() && !filter.last_instruction_) || text.empty())
      return errorf("--insn %s: not a range of instruction counts; write A..B, A.. or ..B", text.c_str());
  }
  if (options.has("--hart")) {
    filter.hart_ = parse_number(options.get("--hart"));
    if (!filter.hart_) return errorf("--hart %s: not a number", options.get("--hart").c_str());
  }
  filter.patterns_ = options.all("--event");
  return filter;
}

Status Filter::bind(const Schema& schema, bool or_nothing) {
  if (patterns_.empty()) return {};
  types_ = 0;
  std::vector<std::string_view> names;
  for (size_t i = 0; i < schema.size(); i++) names.push_back(schema[i].name);
  for (const std::string& pattern : patterns_) {
    bool found = false;
    for (size_t i = 0; i < names.size(); i++) {
      if (fnmatch(pattern.c_str(), schema[i].name.c_str(), FNM_NOESCAPE) != 0) continue;
      types_ |= uint64_t{1} << i;
      found = true;
    }
    if (found || or_nothing) continue;
    const std::string near(nearest_name(pattern, names));
    return errorf("--event %s: no such event in this file; did you mean '%s'?", pattern.c_str(), near.c_str());
  }
  return {};
}

bool Filter::matches(const Schema& schema, const Event& event) const {
  if ((types_ >> event.number & 1) == 0) return false;
  if ((from_ && event.ns < *from_) || (to_ && event.ns > *to_)) return false;
  if ((first_instruction_ && event.instruction < *first_instruction_) || (last_instruction_ && event.instruction > *last_instruction_)) return false;
  if (!hart_) return true;
  const EventType& type = schema.of(event);
  if (type.known == kTrace_ipi) return schema.get(event, 0) == *hart_ || schema.get(event, 1) == *hart_;
  return type.hart >= 0 && event.numbers[static_cast<size_t>(type.hart)] == *hart_;
}

}  // namespace monochord::trace
