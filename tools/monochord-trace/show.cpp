// show: a line an event.
#include <cstdio>

#include "tools/monochord-trace/commands.h"
#include "tools/monochord-trace/filters.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

constexpr std::string_view kUsage =
    "usage: monochord-trace show [OPTION...] FILE\n\n"
    "A line an event: sequence number, instruction count, virtual time, event. With --with-host the lines of FILE.host begin with 'host'.\n";
constexpr OptionSpec kOptions[] = {
    {"--first", "N", "only the first N of those that are left"},
    {"--last", "N", "only the last N of them"},
    {"--with-host", "", "events of FILE.host, too, put in by instruction count"},
};

// The events of one file that pass the filter, and of two in the order of their instruction counts.
class Source {
 public:
  Source(Reader& reader, const Filter& filter) : reader_(&reader), filter_(filter) { advance(); }
  bool there() const { return there_; }
  const Event& event() const { return event_; }
  const Reader& reader() const { return *reader_; }
  void advance() {
    while ((there_ = reader_->next(&event_)) && !filter_.matches(reader_->schema(), event_)) {
    }
  }
  bool before(const Source& other) const {
    if (event_.instruction != other.event_.instruction) return event_.instruction < other.event_.instruction;
    return event_.ns <= other.event_.ns;
  }

 private:
  Reader* reader_;
  Filter filter_;
  Event event_;
  bool there_ = false;
};

std::string line(const Source& source, bool with_host) {
  const Event& event = source.event();
  const char* stream = !with_host ? "" : source.reader().host() ? "host  " : "guest ";
  return stringf("%s%8llu %12llu %14lldns  ", stream, static_cast<unsigned long long>(event.sequence),
                 static_cast<unsigned long long>(event.instruction), static_cast<long long>(event.ns)) +
         event_text(source.reader().schema(), event) + '\n';
}

// Calls `each` with every event's source in order, until it says no.
template <typename F>
Status walk(Reader& guest, Reader* host, const Filter& guest_filter, const Filter& host_filter, F each) {
  guest.rewind();
  Source first(guest, guest_filter);
  if (host == nullptr) {
    for (; first.there() && each(first); first.advance()) {
    }
    return guest.status();
  }
  host->rewind();
  Source second(*host, host_filter);
  while (first.there() || second.there()) {
    Source& next = !second.there() || (first.there() && first.before(second)) ? first : second;
    if (!each(next)) break;
    next.advance();
  }
  return guest.status().ok() ? host->status() : guest.status();
}

}  // namespace

int show_command(Arguments arguments) {
  const std::vector<OptionSpec> specs = joined(kFilterOptions, kOptions);
  if (asked_for_help(arguments, kUsage, specs)) return kSame;
  Result<Options> options = Options::parse("show", specs, arguments, 1);
  if (!options) return trouble(options.error());
  Result<Filter> filter = Filter::from(*options);
  if (!filter) return trouble(filter.error());
  const bool with_host = options->has("--with-host");
  const std::optional<uint64_t> first = parse_number(options->get("--first")), last = parse_number(options->get("--last"));
  if ((options->has("--first") && !first) || (options->has("--last") && !last))
    return trouble(errorf("show: --first and --last need a number of events"));
  if (first && last) return trouble(errorf("show: --first and --last cannot be had together"));

  const std::string& path = (*options)[0];
  Result<std::unique_ptr<Reader>> guest = open_trace(path);
  if (!guest) return trouble(guest.error());
  std::unique_ptr<Reader> host;
  if (with_host) {
    Result<std::unique_ptr<Reader>> opened = open_trace(path + ".host");
    if (!opened) return trouble(opened.error());
    host = std::move(*opened);
  }
  Filter guest_filter = *filter, host_filter = *filter;
  if (Status status = guest_filter.bind((*guest)->schema()); !status) return trouble(status.error());
  if (host != nullptr) {
    if (Status status = host_filter.bind(host->schema()); !status) return trouble(status.error());
  }

  // --last counts first and prints in a second pass: no N is too large for memory.
  uint64_t skip = 0;
  if (last) {
    uint64_t count = 0;
    const Status status = walk(**guest, host.get(), guest_filter, host_filter, [&](const Source&) { return ++count, true; });
    if (!status) return trouble(status.error());
    skip = count > *last ? count - *last : 0;
  }
  Result<Output> output = Output::open("");
  uint64_t number = 0;
  const Status status = walk(**guest, host.get(), guest_filter, host_filter, [&](const Source& source) {
    if (first && number == *first) return false;
    if (number++ >= skip) output->write(line(source, with_host));
    return !output->failed();
  });
  if (!status) return trouble(status.error());
  return finish(*output);
}

}  // namespace monochord::trace
