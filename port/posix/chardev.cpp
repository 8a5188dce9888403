// The backends by name, as -serial spells them.
#include "port/posix/chardev.h"

#include <string_view>

namespace monochord {

namespace {

Result<bool> on_off(std::string_view key, std::string_view value) {
  if (value == "on" || value == "yes" || value == "true") return true;
  if (value == "off" || value == "no" || value == "false") return false;
  return errorf("%.*s=%.*s: 'on' or 'off' is expected", static_cast<int>(key.size()), key.data(), static_cast<int>(value.size()), value.data());
}

// PATH[,server=on|off][,wait=on|off], with the short forms server, nowait and noserver.
Result<UnixSocketOptions> parse_unix(std::string_view text) {
  UnixSocketOptions options;
  size_t comma = text.find(',');
  options.path = std::string(text.substr(0, comma));
  while (comma != std::string_view::npos) {
    text.remove_prefix(comma + 1);
    comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    const size_t equals = item.find('=');
    std::string_view key = item.substr(0, equals);
    std::string_view value = equals == std::string_view::npos ? "on" : item.substr(equals + 1);
    if (equals == std::string_view::npos && key.substr(0, 2) == "no") {
      key.remove_prefix(2);
      value = "off";
    }
    Result<bool> flag = on_off(key, value);
    if (!flag) return flag.error();
    if (key == "server") {
      options.server = *flag;
    } else if (key == "wait") {
      options.wait = *flag;
    } else {
      return errorf("unix:%s: unknown option '%.*s'; server= and wait= are known", options.path.c_str(), static_cast<int>(key.size()), key.data());
    }
  }
  return options;
}

}  // namespace

Result<std::unique_ptr<CharBackend>> make_chardev(const std::string& spec, const std::string& label) {
  if (spec == "stdio") return make_stdio_chardev(TerminalMode::kSignalKeys);
  if (spec == "null" || spec == "none") return make_null_chardev();
  if (spec == "pty") return make_pty_chardev(label);
  if (spec.compare(0, 5, "file:") == 0) {
    if (spec.size() == 5) return errorf("%s: file: needs a path", label.c_str());
    return make_file_chardev(spec.substr(5), false);
  }
  if (spec.compare(0, 5, "unix:") == 0) {
    Result<UnixSocketOptions> options = parse_unix(std::string_view(spec).substr(5));
    if (!options) return options.error();
    return make_unix_chardev(*options, label);
  }
  return errorf("%s: unknown character device '%s'; use stdio, mon:stdio, null, file:PATH, unix:PATH[,server=on] or pty", label.c_str(),
                spec.c_str());
}

}  // namespace monochord
