#include "tools/monochord/trace_options.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>

#include "core/trace_file.h"
#include "tools/monochord/options.h"

namespace monochord {

namespace {

// "timer_*" switches on, "-timer_armed" off again.
Status add_pattern(uint64_t& events, const std::string& where, std::string_view pattern) {
  const bool off = !pattern.empty() && pattern[0] == '-';
  if (off) pattern.remove_prefix(1);
  const Result<uint64_t> found = trace_match(where, pattern);
  if (!found) return found.error();
  events = off ? events & ~found.value() : events | found.value();
  return {};
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

// All of a small file, or of a pipe.
Result<std::string> read_text(const std::string& path) {
  constexpr size_t kBytesMax = 1 << 20;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return errorf("-trace events=%s: %s; name a file with a pattern a line", path.c_str(), strerror(errno));
  std::string text;
  char buffer[4096];
  ssize_t got;
  while ((got = read(fd, buffer, sizeof buffer)) != 0 && text.size() <= kBytesMax) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  const int error = errno;
  close(fd);
  if (got < 0) return errorf("-trace events=%s: %s; name a file with a pattern a line", path.c_str(), strerror(error));
  if (text.size() > kBytesMax) return errorf("-trace events=%s: more than 1 MB; is it a list of patterns?", path.c_str());
  return text;
}

// A pattern a line; # begins a comment.
Status add_events_file(uint64_t& events, const std::string& path) {
  const Result<std::string> text = read_text(path);
  if (!text) return text.error();
  std::string_view rest = text.value();
  for (unsigned number = 1; !rest.empty(); number++) {
    const size_t end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.empty() || line[0] == '#') continue;
    constexpr size_t kShownMax = 60;
    const std::string where = stringf("-trace events=%s: line %u, '%s'", path.c_str(), number, std::string(line.substr(0, kShownMax)).c_str());
    if (Status ok = add_pattern(events, where, line); !ok) return ok;
  }
  return {};
}

Status set_ring(TraceRequest& request, const std::string& text) {
  const std::optional<uint64_t> events = parse_u64(text);
  if (!events || *events == 0 || *events > kTraceRingMax)
    return errorf("-trace ring=%s: the number of events to keep, from 1 to %llu", text.c_str(), static_cast<unsigned long long>(kTraceRingMax));
  if (request.ring != 0 && request.ring != *events)
    return errorf("-trace ring=%s: it is %llu already; there is one ring", text.c_str(), static_cast<unsigned long long>(request.ring));
  request.ring = *events;
  return {};
}

}  // namespace

Status add_trace_option(TraceRequest& request, const std::string& value) {
  const OptionList list = OptionList::parse(value, "enable");
  if (list.items().empty()) return errorf("-trace: a pattern is missing (-trace help lists the events)");
  if (Status ok = list.check_keys("-trace", {"enable", "events", "file", "ring"}); !ok) return ok;
  for (const auto& [key, text] : list.items()) {
    Status ok;
    if (key == "enable") ok = add_pattern(request.events, "-trace " + text, text);
    if (key == "events") ok = add_events_file(request.events, text);
    if (key == "ring") ok = set_ring(request, text);
    if (key == "file") {
      if (text.empty()) return errorf("-trace file=: the name of the file is missing");
      if (!request.file.empty() && request.file != text) return errorf("-trace file=%s: the events go to %s already; there is one file", text.c_str(), request.file.c_str());
      request.file = text;
    }
    if (!ok) return ok;
  }
  return {};
}

Result<std::string> take_trace_items(TraceRequest& request, const std::string& items) {
  constexpr std::string_view kPrefix = "trace:";
  std::string rest;
  for (size_t at = 0; at <= items.size();) {
    const size_t comma = std::min(items.find(',', at), items.size());
    const std::string item = items.substr(at, comma - at);
    at = comma + 1;
    if (item.empty()) return errorf("-d %s: an item is missing; -d help lists them", items.c_str());
    if (item.starts_with(kPrefix)) {
      if (Status ok = add_pattern(request.text_events, "-d " + item, std::string_view(item).substr(kPrefix.size())); !ok) return ok.error();
    } else {
      rest += (rest.empty() ? "" : ",") + item;
    }
  }
  return rest;
}

Status check_trace_options(const TraceRequest& request) {
  if (request.ring != 0 && request.file.empty()) return errorf("-trace ring= needs file=, where the last events go when the run fails");
  if (!request.file.empty() && request.events == 0) return errorf("-trace file=%s: no event is on; give -trace PATTERN,file=FILE (-trace help lists the events)", request.file.c_str());
  return {};
}

}  // namespace monochord
