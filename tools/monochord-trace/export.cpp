// export: chooses the form.
#include "tools/monochord-trace/commands.h"
#include "tools/monochord-trace/exports.h"
#include "tools/monochord-trace/guest_code.h"

namespace monochord::trace {

namespace {

constexpr std::string_view kUsage =
    "usage: monochord-trace export --html|--vcd|--perfetto [OPTION...] FILE\n\n"
    "Writes a trace in another form, to standard output or with -o. What is left out by a filter is not there for handlers and signals either.\n";
constexpr OptionSpec kOptions[] = {
    {"--html", "", "one page without outside resources: a timeline to zoom, search and read"},
    {"--vcd", "", "a value change dump: lines, pending, enables, privilege, WFI, timers, handler depth"},
    {"--perfetto", "", "JSON for Perfetto: a track a hart, a timer and a line, with flows"},
    {"-o", "OUT", "the file to write"},
    {"--elf", "GUEST.elf", "with --html: disassembly around interrupted instructions; may be repeated"},
    {"--code", "FILE@ADDRESS", "with --html: the same from a file that lies there as it is (a Linux Image, at its virtual address)"},
};

}  // namespace

int export_command(Arguments arguments) {
  const std::vector<OptionSpec> specs = joined(kOptions, kFilterOptions);
  if (asked_for_help(arguments, kUsage, specs)) return kSame;
  Result<Options> options = Options::parse("export", specs, arguments, 1);
  if (!options) return trouble(options.error());
  if (options->has("--html") + options->has("--vcd") + options->has("--perfetto") != 1)
    return trouble(errorf("export: say one of --html, --vcd and --perfetto"));
  if ((options->has("--elf") || options->has("--code")) && !options->has("--html"))
    return trouble(errorf("export: --elf and --code are for --html only"));
  Result<Filter> filter = Filter::from(*options);
  if (!filter) return trouble(filter.error());
  GuestCode code;
  for (const std::string& path : options->all("--elf"))
    if (Status status = code.add(path); !status) return trouble(status.error());
  for (const std::string& text : options->all("--code"))
    if (Status status = code.add_raw(text); !status) return trouble(status.error());
  Result<std::unique_ptr<Reader>> reader = open_trace((*options)[0]);
  if (!reader) return trouble(reader.error());
  if (Status status = filter->bind((*reader)->schema()); !status) return trouble(status.error());
  Result<Output> output = Output::open(options->get("-o"));
  if (!output) return trouble(output.error());
  const Status status = options->has("--html")  ? export_html(**reader, *filter, code, *output)
                        : options->has("--vcd") ? export_vcd(**reader, *filter, *output)
                                                : export_perfetto(**reader, *filter, *output);
  if (!status) return trouble(status.error());
  return finish(*output);
}

}  // namespace monochord::trace
