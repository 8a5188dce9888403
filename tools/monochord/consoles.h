// What -serial, -monitor, -chardev and -nographic mean together: which character backend the serial port gets, and where monitors sit.
// Without any of them the terminal is serial port and monitor together (mon:stdio), as with -nographic: there is no display to put them on.
// Main context, BQL held.
#pragma once

#include <memory>
#include <vector>

#include "port/posix/chardev.h"
#include "tools/monochord/monitor.h"
#include "tools/monochord/options.h"

namespace monochord {

class Consoles {
 public:
  // Opens everything; errors name the option.
  static Result<std::unique_ptr<Consoles>> open(const Options& options);

  CharBackend* serial() const { return serial_; }
  void flush();

 private:
  struct Chardev {
    std::string id;
    std::unique_ptr<CharBackend> backend;   // without mux
    std::unique_ptr<CharMux> mux;
  };

  Status open_chardevs(const Options& options);
  Result<CharBackend*> front_end(const char* option, const std::string& id);
  Result<CharBackend*> backend(const char* option, const std::string& spec, const std::string& label);
  Status open_serial(const std::string& spec);
  Status open_monitor(const std::string& spec);

  // Destroyed in reverse: monitors before what they sit on.
  std::vector<Chardev> chardevs_;
  std::vector<std::unique_ptr<CharMux>> muxes_;
  std::vector<std::unique_ptr<CharBackend>> backends_;
  std::vector<std::unique_ptr<Monitor>> monitors_;
  CharBackend* serial_ = nullptr;
};

}  // namespace monochord
