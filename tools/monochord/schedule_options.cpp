#include "tools/monochord/schedule_options.h"

#include <algorithm>

#include "core/loader.h"
#include "tools/monochord/options.h"

namespace monochord {

namespace {

// Takes the next word off `text`.
std::string_view next_word(std::string_view& text) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  const size_t end = std::min(text.find_first_of(" \t"), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

Error bad_point(const std::string& what, std::string_view text) {
  return errorf("%s: '%.*s' is no place for an interrupt; give N[:IRQ] [pc=ADDRESS [visit=K]], N counting instructions", what.c_str(),
                static_cast<int>(text.size()), text.data());
}

}  // namespace

Result<InterruptPoint> parse_interrupt_point(const std::string& what, std::string_view text) {
  InterruptPoint point;
  std::string_view rest = text;
  const std::string_view first = next_word(rest);
  const size_t colon = first.find(':');
  const std::optional<uint64_t> at = parse_u64(first.substr(0, colon));
  if (!at) return bad_point(what, text);
  point.at = *at;
  if (colon != std::string_view::npos) {
    const std::optional<uint64_t> irq = parse_u64(first.substr(colon + 1));
    if (!irq || *irq > UINT32_MAX) return bad_point(what, text);
    point.irq = static_cast<unsigned>(*irq);
  }
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
    if (word.starts_with("pc=") && parse_u64(word.substr(3))) point.pc = parse_u64(word.substr(3));
    else if (word.starts_with("visit=") && parse_u64(word.substr(6)).value_or(0) != 0) point.visit = *parse_u64(word.substr(6));
    else return bad_point(what, text);
  }
  if (point.visit != 0 && !point.pc) return errorf("%s: visit= counts how often the hart came to a pc; give pc=, too", what.c_str());
  return point;
}

Result<std::vector<InterruptPoint>> read_interrupt_points(const std::string& path) {
  const Result<FileImage> file = FileImage::open(path);
  if (!file) return file.error();
  std::string_view text(reinterpret_cast<const char*>(file.value().data()), file.value().size());
  std::vector<InterruptPoint> points;
  for (unsigned line = 1; !text.empty(); line++) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    one = one.substr(0, one.find('#'));
    if (one.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    one = one.substr(0, one.find_last_not_of(" \t\r") + 1);
    const Result<InterruptPoint> point = parse_interrupt_point(stringf("%s:%u", path.c_str(), line), one);
    if (!point) return point.error();
    points.push_back(point.value());
  }
  return points;
}

Result<InterruptHold> parse_interrupt_hold(std::string_view text) {
  const size_t dots = text.find("..");
  std::optional<uint64_t> from, to;
  if (dots != std::string_view::npos) {
    from = parse_u64(text.substr(0, dots));
    to = parse_u64(text.substr(dots + 2));
  }
  if (!from || !to || *from >= *to)
    return errorf("--hold-interrupt %.*s: give N..M, two instruction counts, the smaller one first", static_cast<int>(text.size()), text.data());
  return InterruptHold{*from, *to};
}

}  // namespace monochord
