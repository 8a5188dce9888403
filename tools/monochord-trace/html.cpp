// export --html: the page (page/) with the events packed into it. The data, which page/data.js and tests/tools read:
//
//   base64 of zlib of: "MTP1"  u32 size of the JSON  JSON  columns, one after the other, each as long as "columns" says
//   type         u8 an event: its number in "types"
//   sequence     varint, difference to the event before (the first: to 0); so also instruction; ns is zigzag of the difference
//   label        varint for each event whose type has one: its place in "labels" plus 1, or 0
//   TYPE.FIELD   zigzag for each event of that type: difference modulo 2^64 to that field's last value (at first: 0)
//
// A column each compresses to less than half of what rows do, and the page reads a million events in half a second.
#include <zlib.h>
#include <map>
#include <set>

#include "core/trace_format.h"
#include "tools/monochord-trace/exports.h"
#include "tools/monochord-trace/guest_code.h"
#include "tools/monochord-trace/page.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

namespace {

constexpr uint64_t kEventsInPageMax = 8'000'000;
constexpr size_t kAddressesMax = 20'000;  // of interrupted instructions whose surroundings are shown

struct Column {
  std::string name, bytes;
  void varint(uint64_t value) {
    uint8_t buffer[10];
    bytes.append(reinterpret_cast<char*>(buffer), static_cast<size_t>(trace_put_varint(buffer, value) - buffer));
  }
};

class PageData {
 public:
  explicit PageData(const Schema& schema) : schema_(schema) {
    for (size_t i = 0; i < schema.size(); i++) {
      fields_at_.push_back(columns_.size());
      for (const Field& field : schema[i].fields) columns_.push_back({schema[i].name + "." + field.name, ""});
    }
    last_values_.resize(columns_.size());
  }

  void add(const Event& event) {
    type_.bytes += static_cast<char>(event.number);
    sequence_.varint(event.sequence - last_.sequence);
    instruction_.varint(event.instruction - last_.instruction);
    ns_.varint(trace_zigzag(static_cast<uint64_t>(event.ns) - static_cast<uint64_t>(last_.ns)));
    const EventType& type = schema_.of(event);
    if (!type.label.empty()) label_.varint(event.has_label ? label_number(event.label) : 0);
    for (size_t i = 0; i < type.fields.size(); i++) {
      const size_t column = fields_at_[event.number] + i;
      columns_[column].varint(trace_zigzag(event.numbers[i] - last_values_[column]));
      last_values_[column] = event.numbers[i];
    }
    if ((type.known == kTrace_interrupt_taken || type.known == kTrace_exception_taken) && addresses_.size() < kAddressesMax)
      addresses_.insert(schema_.get(event, 2));
    last_ = event;
    count_++;
  }

  std::string blob(const Reader& reader, const GuestCode& code) {
    std::vector<Column*> all = {&type_, &sequence_, &instruction_, &ns_, &label_};
    for (Column& column : columns_) all.push_back(&column);
    std::string json = stringf("{\"events\":%llu,\"host\":%s,\"ring\":%s,\"closed\":%s,\"name\":%s,\"types\":[",
                               static_cast<unsigned long long>(count_), reader.host() ? "true" : "false", reader.ring() ? "true" : "false",
                               reader.closed() ? "true" : "false", json_string(reader.name().substr(reader.name().rfind('/') + 1)).c_str());
    for (size_t i = 0; i < schema_.size(); i++) json.append(i == 0 ? "" : ",").append(type_json(schema_[i]));
    json += "],\"labels\":[";
    for (size_t i = 0; i < labels_.size(); i++) json.append(i == 0 ? "" : ",").append(json_string(labels_[i]));
    json += "],\"interrupts\":{" + names_json(interrupt_name) + "},\"exceptions\":{" + names_json(exception_name) + "},\"code\":" + code_json(code);
    json += ",\"columns\":[";
    for (size_t i = 0; i < all.size(); i++) json += stringf("%s[\"%s\",%zu]", i == 0 ? "" : ",", all[i]->name.c_str(), all[i]->bytes.size());
    json += "]}";
    const uint32_t size = static_cast<uint32_t>(json.size());
    std::string blob = "MTP1";
    blob.append(reinterpret_cast<const char*>(&size), 4).append(json);
    for (Column* column : all) blob += column->bytes;
    return blob;
  }

 private:
  uint64_t label_number(std::string_view label) {
    const auto [found, made] = label_numbers_.try_emplace(std::string(label), labels_.size() + 1);
    if (made) labels_.emplace_back(label);
    return found->second;
  }
  static std::string type_json(const EventType& type) {
    const char* meaning = type.known == kTraceEventCount ? "" : kTraceEvents[type.known].meaning.data();
    std::string json = stringf("{\"name\":\"%s\",\"label\":\"%s\",\"known\":%s,\"meaning\":%s,\"fields\":[", type.name.c_str(), type.label.c_str(),
                               type.known == kTraceEventCount ? "false" : "true", json_string(meaning).c_str());
    for (size_t i = 0; i < type.fields.size(); i++)
      json += stringf("%s[\"%s\",%s]", i == 0 ? "" : ",", type.fields[i].name.c_str(), json_string(std::string(1, type.fields[i].format)).c_str());
    return json + "]}";
  }
  static std::string names_json(const char* (*name_of)(uint64_t)) {
    std::string json;
    for (uint64_t i = 0; i < 64; i++)
      if (const char* name = name_of(i)) json += stringf("%s\"%llu\":\"%s\"", json.empty() ? "" : ",", static_cast<unsigned long long>(i), name);
    return json;
  }
  // null without --elf; else the lines by address, and the symbols of the interrupted ones.
  std::string code_json(const GuestCode& code) const {
    if (code.empty()) return "null";
    std::map<uint64_t, std::string> lines;
    std::string symbols;
    for (uint64_t address : addresses_) {
      code.around(address, &lines);
      if (const std::string symbol = code.symbol(address); !symbol.empty())
        symbols += stringf("%s\"0x%llx\":%s", symbols.empty() ? "" : ",", static_cast<unsigned long long>(address), json_string(symbol).c_str());
    }
    std::string json;
    for (const auto& [address, text] : lines)
      json += stringf("%s[\"0x%llx\",%s]", json.empty() ? "" : ",", static_cast<unsigned long long>(address), json_string(text).c_str());
    return "{\"lines\":[" + json + "],\"symbols\":{" + symbols + "}}";
  }

  const Schema& schema_;
  Column type_{"type", ""}, sequence_{"sequence", ""}, instruction_{"instruction", ""}, ns_{"ns", ""}, label_{"label", ""};
  std::vector<Column> columns_;    // of fields
  std::vector<size_t> fields_at_;  // first column of each type
  std::vector<uint64_t> last_values_;
  std::map<std::string, uint64_t> label_numbers_;
  std::vector<std::string> labels_;
  std::set<uint64_t> addresses_;
  Event last_;
  uint64_t count_ = 0;
};

Result<std::string> deflated(const std::string& blob) {
  uLongf size = compressBound(blob.size());
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(blob.data()), blob.size(), 7) != Z_OK)
    return errorf("out of memory for the page's data");
  out.resize(size);
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; j++) group = group << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; j++) text += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

std::string html_text(std::string_view text) {
  std::string out;
  for (char c : printable(text)) out += c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : std::string(1, c);
  return out;
}

}  // namespace

Status export_html(Reader& reader, const Filter& filter, const GuestCode& code, Output& output) {
  PageData data(reader.schema());
  uint64_t count = 0;
  for (Event event; reader.next(&event);) {
    if (!filter.matches(reader.schema(), event)) continue;
    if (++count > kEventsInPageMax)
      return errorf("%s: more than %llu events are too many for a page; choose with --from, --to, --insn or --event", reader.name().c_str(),
                    static_cast<unsigned long long>(kEventsInPageMax));
    data.add(event);
  }
  if (!reader.status().ok()) return reader.status();
  Result<std::string> packed = deflated(data.blob(reader, code));
  if (!packed) return packed.error();
  // The template names its parts as {{PART}}.
  std::string_view page = page_html();
  while (true) {
    const size_t open = page.find("{{");
    output.write(page.substr(0, open));
    if (open == std::string_view::npos) return {};
    const size_t close = page.find("}}", open);
    const std::string_view part = page.substr(open + 2, close - open - 2);
    if (part == "TITLE") output.write(html_text(reader.name().substr(reader.name().rfind('/') + 1)));
    if (part == "STYLE") output.write(page_css());
    if (part == "SCRIPT") output.write(page_js());
    if (part == "DATA") output.write(base64(*packed));
    page.remove_prefix(close + 2);
  }
}

}  // namespace monochord::trace
