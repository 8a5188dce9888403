// diff: the first difference of two traces. Both were verified, so their hashes are those of their bytes and say which chunk it is in; from there it
// goes event by event.
#include "tools/monochord-trace/diff.h"

#include <algorithm>
#include <deque>

#include "tools/monochord-trace/commands.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

constexpr unsigned kContext = 5, kContextMax = 10'000;
constexpr std::string_view kUsage =
    "usage: monochord-trace diff [OPTION...] A B\n\n"
    "The first difference of two traces, with the events around it. Exit status: 0 the same, 1 different, 2 wrong usage or an unreadable file.\n"
    "With --align mainline, runs whose interrupts came at different places are compared by what their mainline did: the events of interrupt\n"
    "handlers (interrupt_taken to the matching mret or sret) and those that come from outside of the instructions (clocks, timers, lines, pending,\n"
    "input) are left out, the others compared without their stamps; then it says which interrupts were taken where. The exit status is about the\n"
    "mainline.\n";
constexpr OptionSpec kOptions[] = {
    {"--context", "N", "events to show around the difference (5)"},
    {"--align", "mainline", "compare what the mainlines did"},
};

// Events that are equal in both, kept as lines for the context.
class Before {
 public:
  explicit Before(unsigned size) : size_(size) {}
  void add(const Schema& schema, const Event& event) {
    if (size_ == 0) return;
    if (lines_.size() == size_) lines_.pop_front();
    lines_.push_back(diff_line(' ', schema, event));
  }
  void print(Output& output) const {
    for (const std::string& line : lines_) output.write(line);
  }

 private:
  unsigned size_;
  std::deque<std::string> lines_;
};

// Moves both to a chunk so far before the first unequal one that the context is in it.
Status skip_equal(Reader& a, Reader& b, uint64_t equal, unsigned context) {
  a.rewind();
  b.rewind();
  if (equal == 0) return {};
  uint64_t from = equal, wanted = 0;
  while (from > 0 && wanted < uint64_t{context} + 1) {
    from--;
    Result<IndexEntry> entry = a.index_entry(from);
    if (!entry) return entry.error();
    Status status = a.seek(from);
    if (status.ok() && a.next_chunk()) wanted += a.chunk().events;
    if (!a.status().ok()) return a.status();
  }
  if (Status status = a.seek(from); !status) return status;
  return b.seek(from);
}

void print_rest(Output& output, char mark, Reader& reader, unsigned count) {
  for (Event event; count > 0 && reader.next(&event); count--) output.write(diff_line(mark, reader.schema(), event));
}

std::string place(const Event& event) {
  return stringf("event %llu (instruction %llu, %s)", static_cast<unsigned long long>(event.sequence),
                 static_cast<unsigned long long>(event.instruction), duration_text(static_cast<double>(event.ns)).c_str());
}

void note_headers(Reader& a, Reader& b, Output& output) {
  if (a.schema_text() != b.schema_text()) output.write("note: the files are of versions with different event tables; compared by names\n");
  if (a.mask() != b.mask() || a.schema_text() != b.schema_text()) {
    std::string only;
    for (Reader* reader : {&a, &b}) {
      const Reader* other = reader == &a ? &b : &a;
      for (size_t i = 0; i < reader->schema().size(); i++) {
        if ((reader->mask() >> i & 1) == 0) continue;
        const int there = other->schema().find(reader->schema()[i].name);
        if (there < 0 || (other->mask() >> there & 1) == 0) only += " " + reader->schema()[i].name + (reader == &a ? "(A)" : "(B)");
      }
    }
    if (!only.empty()) output.print("note: switched on in one only:%s\n", only.c_str());
  }
  if (a.ring() != b.ring()) output.print("note: %s is a ring, its beginning was thrown away\n", a.ring() ? "A" : "B");
}

Result<int> compare(Reader& a, Reader& b, unsigned context, Output& output) {
  Result<uint64_t> equal = equal_chunks(a, b);
  if (!equal) return equal.error();
  if (Status status = skip_equal(a, b, *equal, context); !status) return status.error();
  Before before(context);
  Event event_a, event_b;
  while (true) {
    const bool more_a = a.next(&event_a), more_b = b.next(&event_b);
    if (!a.status().ok()) return a.status().error();
    if (!b.status().ok()) return b.status().error();
    if (!more_a && !more_b) break;
    if (more_a && more_b && same_event(a.schema(), event_a, b.schema(), event_b, Stamps::kShown)) {
      before.add(a.schema(), event_a);
      continue;
    }
    note_headers(a, b, output);
    if (more_a && more_b) {
      const std::string what = difference_text(a.schema(), event_a, b.schema(), event_b, Stamps::kShown);
      output.print("first difference at %s: %s\n", place(event_a).c_str(), what.c_str());
    } else {
      output.print("%s ends before %s, which %s has\n", more_a ? "B" : "A", place(more_a ? event_a : event_b).c_str(), more_a ? "A" : "B");
    }
    before.print(output);
    if (more_a) output.write(diff_line('-', a.schema(), event_a));
    if (more_a) print_rest(output, '-', a, context);
    if (more_b) output.write(diff_line('+', b.schema(), event_b));
    if (more_b) print_rest(output, '+', b, context);
    return kDifferent;
  }
  if (a.host() != b.host() || a.mask() != b.mask() || a.ring() != b.ring() || a.schema_text() != b.schema_text()) {
    output.write("the events are the same, the headers are not\n");
    note_headers(a, b, output);
    return kDifferent;
  }
  return kSame;
}

}  // namespace

bool same_event(const Schema& a_schema, const Event& a, const Schema& b_schema, const Event& b, Stamps stamps) {
  if (stamps == Stamps::kShown && (a.sequence != b.sequence || a.instruction != b.instruction || a.ns != b.ns)) return false;
  if (a.has_label != b.has_label || a.label != b.label) return false;
  const EventType &type_a = a_schema.of(a), &type_b = b_schema.of(b);
  if (&a_schema != &b_schema && (type_a.name != type_b.name || type_a.fields.size() != type_b.fields.size())) return false;
  for (size_t i = 0; i < type_a.fields.size(); i++)
    if (a.numbers[i] != b.numbers[i] || type_a.fields[i].name != type_b.fields[i].name) return false;
  return true;
}

std::string difference_text(const Schema& a_schema, const Event& a, const Schema& b_schema, const Event& b, Stamps stamps) {
  const EventType &type_a = a_schema.of(a), &type_b = b_schema.of(b);
  std::string text;
  const auto add = [&](const std::string& what, const std::string& of_a, const std::string& of_b) {
    if (of_a != of_b) text += (text.empty() ? "" : ", ") + what + ": " + of_a + " and " + of_b;
  };
  add("event", type_a.name, type_b.name);
  if (stamps == Stamps::kShown) {
    add("sequence", std::to_string(a.sequence), std::to_string(b.sequence));
    add("instruction", std::to_string(a.instruction), std::to_string(b.instruction));
    add("time", std::to_string(a.ns) + "ns", std::to_string(b.ns) + "ns");
  }
  if (type_a.name != type_b.name) return text;
  add(type_a.label, a.has_label ? printable(a.label) : "?", b.has_label ? printable(b.label) : "?");
  const size_t fields = std::max(type_a.fields.size(), type_b.fields.size());
  for (size_t i = 0; i < fields; i++) {
    const auto field = [i](const EventType& type, const Event& event) {
      return i < type.fields.size() ? type.fields[i].name + "=" + number_text(type.fields[i].format, event.numbers[i]) : std::string("nothing");
    };
    const bool alike = i < type_a.fields.size() && i < type_b.fields.size() && type_a.fields[i].name == type_b.fields[i].name;
    if (alike)
      add(type_a.fields[i].name, number_text(type_a.fields[i].format, a.numbers[i]), number_text(type_b.fields[i].format, b.numbers[i]));
    else
      add("field", field(type_a, a), field(type_b, b));
  }
  return text.empty() ? "how it is written" : text;
}

std::string diff_line(char mark, const Schema& schema, const Event& event) {
  return stringf("%c %8llu %12llu %14lldns  ", mark, static_cast<unsigned long long>(event.sequence),
                 static_cast<unsigned long long>(event.instruction), static_cast<long long>(event.ns)) +
         event_text(schema, event) + '\n';
}

Result<uint64_t> equal_chunks(Reader& a, Reader& b) {
  // Hashes are of bytes: with another schema, or where the beginning was thrown away, they say nothing.
  if (!a.closed() || !b.closed() || a.schema_text() != b.schema_text() || a.ring() || b.ring()) return uint64_t{0};
  uint64_t low = 0, high = std::min(a.chunks(), b.chunks());
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    Result<IndexEntry> of_a = a.index_entry(middle), of_b = b.index_entry(middle);
    if (!of_a) return of_a.error();
    if (!of_b) return of_b.error();
    const bool equal = of_a->hash == of_b->hash && of_a->sequence == of_b->sequence && of_a->instruction == of_b->instruction && of_a->ns == of_b->ns;
    (equal ? low : high) = equal ? middle + 1 : middle;
  }
  return low;
}

int diff_command(Arguments arguments) {
  if (asked_for_help(arguments, kUsage, kOptions)) return kSame;
  Result<Options> options = Options::parse("diff", kOptions, arguments, 2);
  if (!options) return trouble(options.error());
  uint64_t context = kContext;
  if (options->has("--context")) {
    const std::optional<uint64_t> number = parse_number(options->get("--context"));
    if (!number || *number > kContextMax) return trouble(errorf("diff: --context needs a number up to %u", kContextMax));
    context = *number;
  }
  if (options->has("--align") && options->get("--align") != "mainline")
    return trouble(errorf("diff: --align %s: only 'mainline' can be aligned", options->get("--align").c_str()));
  const bool align = options->has("--align");
  Result<std::unique_ptr<Reader>> a = open_trace((*options)[0]);
  if (!a) return trouble(a.error());
  Result<std::unique_ptr<Reader>> b = open_trace((*options)[1]);
  if (!b) return trouble(b.error());
  Result<Output> output = Output::open("");
  Result<int> result = (align ? compare_mainlines : compare)(**a, **b, static_cast<unsigned>(context), *output);
  if (!result) {
    finish(*output);
    return trouble(result.error());
  }
  return finish(*output, *result);
}

}  // namespace monochord::trace
