// What the commands share.
#include "tools/monochord-trace/commands.h"

namespace monochord::trace {

int trouble(const Error& error) {
  if (!error.message.empty()) fprintf(stderr, "monochord-trace: %s\n", error.message.c_str());
  return kTrouble;
}

Result<std::unique_ptr<Reader>> open_trace(const std::string& path) {
  Result<std::unique_ptr<Reader>> reader = Reader::open(path);
  if (!reader) return reader;
  if (Status status = (*reader)->verify(); !status) return status.error();
  if (!(*reader)->closed())
    fprintf(stderr, "monochord-trace: %s was not closed (it has no index): read as far as its whole chunks go\n", path.c_str());
  return reader;
}

int finish(Output& output, int status) {
  const Status written = output.finish();
  return written.ok() ? status : trouble(written.error());
}

bool asked_for_help(Arguments arguments, std::string_view text, std::span<const OptionSpec> options) {
  bool asked = false;
  for (std::string_view word : arguments) {
    if (word == "--") break;
    asked = asked || word == "--help" || word == "-h";
  }
  if (!asked) return false;
  printf("%.*s\n", static_cast<int>(text.size()), text.data());
  for (const OptionSpec& option : options) {
    const std::string name = std::string(option.name) + (option.value.empty() ? "" : " ") + std::string(option.value);
    printf("  %-18s %.*s\n", name.c_str(), static_cast<int>(option.help.size()), option.help.data());
  }
  return true;
}

std::vector<OptionSpec> joined(std::span<const OptionSpec> a, std::span<const OptionSpec> b) {
  std::vector<OptionSpec> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

}  // namespace monochord::trace
