#include "tools/monochord/recording.h"

#include <cinttypes>

#include "core/host.h"
#include "core/replay.h"
#include "core/trace_format.h"
#include "tools/monochord/firmware.h"
#include "tools/monochord/rtc_base.h"
#include "tools/monochord/version.h"

namespace monochord {

namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

// What both sides must have alike: "size hash" of a file's content, where a name says nothing.
Result<std::string> content_of(const std::string& option, const std::string& path) {
  const Result<FileImage> file = FileImage::open(path);
  if (!file) return errorf("%s: a recording names what is in it: %s", option.c_str(), file.error().message.c_str());
  const FileImage& image = file.value();
  return stringf("%" PRIu64 " bytes %016" PRIx64, image.size(), trace_hash(kTraceHashSeed, image.data(), image.size()));
}

std::string joined(const OptionList& list, std::string_view without) {
  std::string text;
  for (const auto& [key, value] : list.items())
    if (key != without) text += (text.empty() ? "" : ",") + key + "=" + value;
  return text;
}

std::string time_line(const IcountOptions& icount) {
  return icount.mode == ICOUNT_PRECISE ? stringf("icount shift=%d", icount.shift) : "real";
}

// The machine, a line a part. What paces it (sleep, align) and who runs it (accel) is no part of it.
Result<Lines> machine_lines(const Options& o) {
  Lines lines;
  lines.emplace_back("time", time_line(o.icount));
  lines.emplace_back("cpu", o.cpu);
  lines.emplace_back("memory", std::to_string(o.ram_bytes));
  lines.emplace_back("append", o.append.value_or(""));
  lines.emplace_back("legacy-virtio", o.force_legacy ? "on" : "off");
  lines.emplace_back("rtc-clock", o.rtc_clock);
  lines.emplace_back("no-reboot", o.no_reboot ? "on" : "off");
  const Result<std::string> bios = find_firmware(o);
  if (!bios) return bios.error();
  const std::pair<const char*, const std::string*> files[] = {{"bios", &bios.value()}, {"kernel", &o.kernel}, {"initrd", &o.initrd}, {"dtb", &o.dtb}};
  for (const auto& [name, path] : files) {
    if (path->empty()) continue;
    Result<std::string> content = content_of(std::string("-") + name, *path);
    if (!content) return content.error();
    lines.emplace_back(name, content.value());
  }
  for (const OptionList& drive : o.drives) {
    Result<std::string> content = content_of("-drive", drive.get("file"));
    if (!content) return content.error();
    lines.emplace_back("drive", joined(drive, "file") + " " + content.value());
  }
  for (const OptionList& device : o.devices) lines.emplace_back("device", joined(device, ""));
  return lines;
}

// On one line, whatever an argument holds.
std::string one_line(const std::string& text) {
  std::string line;
  for (char c : text) line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  return line;
}

std::string header_text(const Options& o, const Lines& machine, int64_t rtc_base_ns) {
  std::string text = stringf("program=%s", version_text().c_str());
  text += stringf("command=%s\nseed=%" PRIu64 "\nrtc-base=%" PRId64 "\n", one_line(o.command_line).c_str(), *o.seed, rtc_base_ns);
  for (const auto& [key, value] : machine) text += key + "=" + one_line(value) + "\n";
  return text;
}

Lines header_lines(const std::string& text) {
  Lines lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const size_t equals = line.find('=');
    if (equals != std::string::npos) lines.emplace_back(line.substr(0, equals), line.substr(equals + 1));
    begin = end + 1;
  }
  return lines;
}

std::string value_of(const Lines& lines, const std::string& key) {
  for (const auto& [name, value] : lines)
    if (name == key) return value;
  return "";
}

Status same_machine(const std::string& path, const Lines& recorded, const Lines& ours) {
  Lines theirs;
  for (const auto& line : recorded)
    if (line.first != "program" && line.first != "command" && line.first != "seed" && line.first != "rtc-base") theirs.push_back(line);
  for (size_t i = 0; i < std::max(theirs.size(), ours.size()); i++) {
    const bool there = i < theirs.size(), here = i < ours.size();
    if (there && here && theirs[i].first == ours[i].first && theirs[i].second == one_line(ours[i].second)) continue;
    const std::string was = there ? theirs[i].first + ": " + theirs[i].second : "nothing more";
    const std::string is = here ? ours[i].first + ": " + ours[i].second : "nothing more";
    return errorf("-replay %s: this is another machine; recorded was '%s', here is '%s'. It was recorded with: %s", path.c_str(), was.c_str(), is.c_str(),
                  value_of(recorded, "command").c_str());
  }
  return {};
}

Status start_recording(Options& o) {
  if (!o.seed) {
    uint64_t seed;
    host().random_bytes(&seed, sizeof seed);
    o.seed = seed;
  }
  const Result<std::optional<int64_t>> base = parse_rtc_base(o.rtc_base);
  if (!base) return base.error();
  o.rtc_base_ns = base.value().value_or(qemu_clock_get_ns(QEMU_CLOCK_HOST));
  const Result<Lines> machine = machine_lines(o);
  if (!machine) return machine.error();
  Result<std::unique_ptr<ReplayWriter>> writer = ReplayWriter::create(o.record, header_text(o, machine.value(), *o.rtc_base_ns));
  if (!writer) return writer.error();
  replay_start_recording(std::move(*writer));
  return {};
}

Status start_replaying(Options& o) {
  Result<std::unique_ptr<ReplayReader>> reader = ReplayReader::open(o.replay);
  if (!reader) return reader.error();
  const Lines recorded = header_lines((*reader)->header());
  const std::string time = value_of(recorded, "time");
  // Without -icount it is the recording that says what time is.
  if (o.icount.mode == ICOUNT_DISABLED && time != "real") {
    if (const char* error = icount_parse(time.c_str() + std::string_view("icount ").size(), &o.icount))
      return errorf("recording %s: it has no time that is known here (%s)", o.replay.c_str(), error);
  }
  const Result<Lines> machine = machine_lines(o);
  if (!machine) return machine.error();
  if (Status ok = same_machine(o.replay, recorded, machine.value()); !ok) return ok;
  o.seed = parse_u64(value_of(recorded, "seed"));
  const std::optional<uint64_t> base = parse_u64(value_of(recorded, "rtc-base"));
  if (!o.seed || !base) return errorf("recording %s: its header lacks seed= or rtc-base=", o.replay.c_str());
  o.rtc_base_ns = static_cast<int64_t>(*base);
  o.icount.sleep = false;
  o.icount.align = false;
  replay_start_playing(std::move(*reader));
  return {};
}

}  // namespace

Status start_record_or_replay(Options& options) {
  if (options.record.empty() && options.replay.empty()) return {};
  if (Status ok = options.record.empty() ? start_replaying(options) : start_recording(options); !ok) return ok;
  if (options.icount.mode == ICOUNT_DISABLED) options.icount = {ICOUNT_SAMPLED, 0, false, false};
  return {};
}

}  // namespace monochord
