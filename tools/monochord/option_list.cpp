#include <cerrno>
#include <cstdlib>

#include "core/suggest.h"
#include "devices/properties.h"
#include "tools/monochord/options.h"

namespace monochord {

namespace {

// Takes the text up to the next single comma; a double comma is one comma of the value.
std::string take_item(std::string_view& text) {
  std::string item;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    if (text[i] == ',') {
      if (i + 1 < text.size() && text[i + 1] == ',') ++i;
      else break;
    }
    item += text[i];
  }
  text.remove_prefix(i < text.size() ? i + 1 : i);
  return item;
}

}  // namespace

OptionList OptionList::parse(std::string_view text, const char* implied) {
  OptionList list;
  for (bool first = true; !text.empty(); first = false) {
    std::string item = take_item(text);
    const size_t equals = item.find('=');
    if (equals != std::string::npos) {
      list.items_.emplace_back(item.substr(0, equals), item.substr(equals + 1));
    } else if (first && implied != nullptr) {
      list.items_.emplace_back(implied, item);
    } else if (item.size() > 2 && item.compare(0, 2, "no") == 0 && item != "node-name") {
      list.items_.emplace_back(item.substr(2), "off");  // QEMU's old "nokey" for "key=off"
    } else {
      list.items_.emplace_back(item, "on");
    }
  }
  return list;
}

const std::string* OptionList::find(std::string_view key) const {
  // The last one wins, as with QEMU.
  for (auto item = items_.rbegin(); item != items_.rend(); ++item)
    if (item->first == key) return &item->second;
  return nullptr;
}

std::string OptionList::get(std::string_view key, std::string_view fallback) const {
  const std::string* value = find(key);
  return value != nullptr ? *value : std::string(fallback);
}

Status OptionList::check_keys(const char* option, std::initializer_list<std::string_view> allowed) const {
  for (const auto& [key, value] : items_) {
    bool known = false;
    for (std::string_view candidate : allowed) known = known || candidate == key;
    if (known) continue;
    std::vector<std::string_view> names(allowed);
    const std::string nearest(nearest_name(key, names));
    if (nearest.empty()) return errorf("%s: unknown key '%s'", option, key.c_str());
    return errorf("%s: unknown key '%s' (did you mean '%s'?)", option, key.c_str(), nearest.c_str());
  }
  return {};
}

Result<bool> parse_bool(const std::string& what, const std::string& text) {
  const Result<bool> value = parse_bool(text);
  return value ? value : Result<bool>(errorf("%s: %s", what.c_str(), value.error().message.c_str()));
}

std::optional<uint64_t> parse_u64(std::string_view text) {
  const std::string copy(text);
  if (copy.empty() || copy[0] == '-' || copy[0] == '+' || copy[0] == ' ') return std::nullopt;
  errno = 0;
  char* end = nullptr;
  const unsigned long long value = strtoull(copy.c_str(), &end, 0);
  if (errno != 0 || *end != '\0') return std::nullopt;
  return value;
}

Result<uint64_t> parse_size(const std::string& what, const std::string& text, uint64_t unit) {
  std::string number = text;
  if (!number.empty()) {
    unsigned shift = 0;
    switch (number.back()) {
      case 'b': case 'B': unit = 1; shift = 64; break;
      case 'k': case 'K': shift = 10; break;
      case 'm': case 'M': shift = 20; break;
      case 'g': case 'G': shift = 30; break;
      case 't': case 'T': shift = 40; break;
      default: break;
    }
    if (shift != 0) {
      number.pop_back();
      if (shift != 64) unit = uint64_t{1} << shift;
    }
  }
  const std::optional<uint64_t> value = parse_u64(number);
  if (!value) return errorf("%s: '%s' is not a size; give a number with an optional suffix K, M, G or T", what.c_str(), text.c_str());
  if (*value > UINT64_MAX / unit) return errorf("%s: %s is too large", what.c_str(), text.c_str());
  return *value * unit;
}

}  // namespace monochord
