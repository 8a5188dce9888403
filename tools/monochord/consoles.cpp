#include "tools/monochord/consoles.h"

namespace monochord {

namespace {

Result<std::unique_ptr<CharBackend>> make_from_list(const OptionList& list) {
  const std::string backend = list.get("backend");
  const std::string id = list.get("id");
  if (backend == "null") return make_null_chardev();
  if (backend == "pty") return make_pty_chardev(id);
  if (backend == "stdio") {
    const Result<bool> signals = parse_bool("-chardev stdio,signal", list.get("signal", "on"));
    if (!signals) return signals.error();
    return make_stdio_chardev(signals.value() ? TerminalMode::kSignalKeys : TerminalMode::kRawKeys);
  }
  if (list.get("path").empty()) return errorf("-chardev %s,id=%s: path= is missing", backend.c_str(), id.c_str());
  if (backend == "file") {
    const Result<bool> append = parse_bool("-chardev file,append", list.get("append", "off"));
    if (!append) return append.error();
    return make_file_chardev(list.get("path"), append.value());
  }
  UnixSocketOptions socket;
  socket.path = list.get("path");
  const Result<bool> server = parse_bool("-chardev socket,server", list.get("server", "off"));
  const Result<bool> wait = parse_bool("-chardev socket,wait", list.get("wait", "on"));
  if (!server) return server.error();
  if (!wait) return wait.error();
  socket.server = server.value();
  socket.wait = wait.value();
  return make_unix_chardev(socket, id);
}

}  // namespace

Status Consoles::open_chardevs(const Options& options) {
  for (const OptionList& list : options.chardevs) {
    if (Status ok = list.check_keys("-chardev", {"backend", "id", "mux", "signal", "path", "append", "server", "wait"}); !ok) return ok;
    for (const Chardev& other : chardevs_)
      if (other.id == list.get("id")) return errorf("-chardev id=%s: the id is taken", other.id.c_str());
    const Result<bool> mux = parse_bool("-chardev mux", list.get("mux", "off"));
    if (!mux) return mux.error();
    Result<std::unique_ptr<CharBackend>> made = make_from_list(list);
    if (!made) return made.error();
    Chardev chardev;
    chardev.id = list.get("id");
    if (mux.value()) chardev.mux = std::make_unique<CharMux>(std::move(*made));
    else chardev.backend = std::move(*made);
    chardevs_.push_back(std::move(chardev));
  }
  return {};
}

Result<CharBackend*> Consoles::front_end(const char* option, const std::string& id) {
  for (Chardev& chardev : chardevs_) {
    if (chardev.id != id) continue;
    if (chardev.mux != nullptr) return &chardev.mux->add_front_end();
    if (chardev.backend == nullptr) return errorf("%s chardev:%s: it is in use already; make it with mux=on to share it", option, id.c_str());
    backends_.push_back(std::move(chardev.backend));
    return backends_.back().get();
  }
  return errorf("%s chardev:%s: there is no -chardev with id=%s", option, id.c_str(), id.c_str());
}

Result<CharBackend*> Consoles::backend(const char* option, const std::string& spec, const std::string& label) {
  if (spec.compare(0, 8, "chardev:") == 0) return front_end(option, spec.substr(8));
  Result<std::unique_ptr<CharBackend>> made = make_chardev(spec, label);
  if (!made) return errorf("%s: %s", option, made.error().message.c_str());
  backends_.push_back(std::move(*made));
  return backends_.back().get();
}

Status Consoles::open_serial(const std::string& spec) {
  if (spec.compare(0, 4, "mon:") == 0) {
    const std::string rest = spec.substr(4);
    Result<std::unique_ptr<CharBackend>> made = rest == "stdio" ? make_stdio_chardev(TerminalMode::kRawKeys) : make_chardev(rest, "serial0");
    if (!made) return errorf("-serial: %s", made.error().message.c_str());
    muxes_.push_back(std::make_unique<CharMux>(std::move(*made)));
    serial_ = &muxes_.back()->add_front_end();
    monitors_.push_back(std::make_unique<Monitor>(muxes_.back()->add_front_end()));
    return {};
  }
  const Result<CharBackend*> made = backend("-serial", spec, "serial0");
  if (!made) return made.error();
  serial_ = made.value();
  return {};
}

Status Consoles::open_monitor(const std::string& spec) {
  if (spec == "none") return {};
  const Result<CharBackend*> made = backend("-monitor", spec, "monitor");
  if (!made) return made.error();
  monitors_.push_back(std::make_unique<Monitor>(*made.value()));
  if (spec.compare(0, 8, "chardev:") != 0) monitors_.back()->greet();
  return {};
}

Result<std::unique_ptr<Consoles>> Consoles::open(const Options& options) {
  std::unique_ptr<Consoles> consoles(new Consoles);
  if (Status ok = consoles->open_chardevs(options); !ok) return ok.error();
  std::string serial = options.serials.empty() ? "" : options.serials.front();
  std::string monitor = options.monitor.value_or("");
  if (serial.empty()) {
    // The terminal is the serial port's, and the monitor's too unless that has a place of its own.
    if (monitor == "stdio") serial = "null";
    else serial = monitor.empty() ? "mon:stdio" : "stdio";
  } else if (monitor.empty() && options.nographic && serial.find("stdio") == std::string::npos && serial.compare(0, 8, "chardev:") != 0) {
    monitor = "stdio";  // QEMU's -nographic puts the monitor there when the serial port is elsewhere
  }
  if (Status ok = consoles->open_serial(serial); !ok) return ok.error();
  if (!monitor.empty())
    if (Status ok = consoles->open_monitor(monitor); !ok) return ok.error();
  return consoles;
}

void Consoles::flush() {
  for (const std::unique_ptr<CharBackend>& backend : backends_) backend->flush();
  if (serial_ != nullptr) serial_->flush();
}

}  // namespace monochord
