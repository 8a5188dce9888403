#include "tools/monochord-trace/schema.h"

#include <algorithm>
#include <cctype>

namespace monochord::trace {

namespace {

constexpr size_t kNameMax = 64;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return (c < 0x80 && isalnum(c)) || c == '_'; });
}

// The text up to `separator`, which goes, too; all of it where there is none.
std::string_view take(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view part = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return part;
}

void recognize(EventType* type) {
  for (unsigned known = 0; known < kTraceEventCount; known++) {
    const TraceEventInfo& info = kTraceEvents[known];
    if (info.name != type->name || info.label.empty() != type->label.empty()) continue;
    std::string_view fields = info.fields;
    for (unsigned i = 0; !fields.empty(); i++) {
      const std::string_view field = take(&fields, ' ');
      const std::string_view name = field.substr(0, field.find(':'));
      const auto found = std::find_if(type->fields.begin(), type->fields.end(), [&](const Field& f) { return f.name == name; });
      if (found == type->fields.end()) return;
      type->position[i] = static_cast<uint8_t>(found - type->fields.begin());
    }
    type->known = static_cast<TraceEvent>(known);
  }
}

}  // namespace

Result<Schema> Schema::parse(std::string_view text) {
  Schema schema;
  if (!text.empty() && text.back() != '\n') return errorf("its schema does not end with a line");
  while (!text.empty()) {
    const unsigned line = static_cast<unsigned>(schema.types_.size()) + 1;
    if (line > kEventsMax) return errorf("its schema has more than %u events", kEventsMax);
    std::string_view rest = take(&text, '\n');
    if (std::count(rest.begin(), rest.end(), '|') != 3) return errorf("line %u of its schema is not name|stream|label|fields", line);
    EventType type;
    type.name = take(&rest, '|');
    type.stream = take(&rest, '|');
    type.label = take(&rest, '|');
    if (!is_name(type.name) || !is_name(type.stream) || (!type.label.empty() && !is_name(type.label)))
      return errorf("line %u of its schema has a name that is none", line);
    if (schema.find(type.name) >= 0) return errorf("line %u of its schema names %s once more", line, type.name.c_str());
    while (!rest.empty()) {
      const std::string_view field = take(&rest, ' ');
      const size_t colon = field.find(':');
      if (colon == std::string_view::npos || !is_name(field.substr(0, colon)) || field.size() != colon + 2 || type.fields.size() == kFieldsMax ||
          field.back() <= ' ' || field.back() > '~')
        return errorf("line %u of its schema has a field that is not name:format, or more than %u of them", line, kFieldsMax);
      if (field.substr(0, colon) == "hart") type.hart = static_cast<int>(type.fields.size());
      type.fields.push_back({std::string(field.substr(0, colon)), field.back()});
    }
    recognize(&type);
    schema.types_.push_back(std::move(type));
  }
  return schema;
}

int Schema::find(std::string_view name) const {
  for (size_t i = 0; i < types_.size(); i++)
    if (types_[i].name == name) return static_cast<int>(i);
  return -1;
}

std::string own_schema() {
  std::string text;
  for (const TraceEventInfo& info : kTraceEvents) {
    text.append(info.name).append(info.stream == TraceStream::kGuest ? "|guest|" : "|host|").append(info.label).append("|");
    text.append(info.fields).append("\n");
  }
  return text;
}

}  // namespace monochord::trace
