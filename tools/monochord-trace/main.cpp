// monochord-trace: looks at trace files. Exit status: 0 done or same, 1 different, 2 usage or a file that cannot be read or written.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/suggest.h"
#include "tools/monochord-trace/commands.h"

namespace monochord::trace {

namespace {

struct Command {
  std::string_view name;
  int (*run)(Arguments arguments);
  const char* help;
};

constexpr Command kCommands[] = {
    {"show", &show_command, "show FILE               a line an event"},
    {"stats", &stats_command, "stats FILE              counts, latencies, time with interrupts masked"},
    {"diff", &diff_command, "diff A B                the first difference of two traces"},
    {"export", &export_command, "export --html FILE      one page to look at, or --vcd for GTKWave, or --perfetto"},
    {"pack", &pack_command, "pack FILE               compresses a trace"},
    {"unpack", &unpack_command, "unpack FILE             undoes it, byte for byte"},
};

int usage(FILE* to) {
  fputs("usage: monochord-trace COMMAND [OPTION...] FILE...\n\n", to);
  for (const Command& command : kCommands) fprintf(to, "  %s\n", command.help);
  fputs(
      "\nmonochord-trace COMMAND --help tells its options. --version prints the version.\n"
      "Exit status: 0 done or same, 1 different, 2 wrong usage or a file that cannot be read or written.\n",
      to);
  return to == stdout ? kSame : kTrouble;
}

int run(Arguments arguments) {
  if (arguments.empty()) return usage(stderr);
  const std::string_view word = arguments[0];
  if (word == "--help" || word == "-h" || word == "help") return usage(stdout);
  if (word == "--version") {
    puts("monochord-trace " MONOCHORD_VERSION);
    return kSame;
  }
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) {
    if (command.name == word) return command.run(arguments.subspan(1));
    names.push_back(command.name);
  }
  names.insert(names.end(), {"--help", "--version"});
  return trouble(errorf("no command '%s'; did you mean '%s'? (monochord-trace --help lists them)", std::string(word).c_str(),
                        std::string(nearest_name(word, names)).c_str()));
}

}  // namespace

}  // namespace monochord::trace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);  // a closed pipe is an answer of write(), not our death
  std::vector<std::string_view> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  const int status = monochord::trace::run(arguments);
  if (fflush(stdout) == 0 || status != monochord::trace::kSame) return status;
  // Help goes through stdio, too; a reader that has gone is no error to speak of.
  return monochord::trace::trouble(monochord::Error{errno == EPIPE ? "" : std::string("cannot write standard output: ") + strerror(errno)});
}
