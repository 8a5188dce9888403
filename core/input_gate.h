// Where bytes and line events from outside enter the machine: between a character backend and the device that it serves. The one place that tells
// counted time, and a recording, that something came which the guest didn't cause.
// Main context, BQL held.
#pragma once

#include "core/chardev.h"

namespace monochord {

class InputGate final : public CharBackend {
 public:
  // `backend` outlives the gate. `name`: for traces and recordings, static.
  InputGate(const char* name, CharBackend& backend);
  ~InputGate() override;
  InputGate(const InputGate&) = delete;
  InputGate& operator=(const InputGate&) = delete;

  void write(const uint8_t* bytes, size_t size) override { backend_.write(bytes, size); }
  void accept_input() override { backend_.accept_input(); }
  void flush() override { backend_.flush(); }
  bool is_terminal() const override { return backend_.is_terminal(); }

  const char* name() const { return name_; }

  // A replay's: what was recorded reaches the device; what comes from the backend does not.
  void deliver(const uint8_t* bytes, size_t size);
  void deliver_break();

 private:
  void received(const uint8_t* bytes, size_t size);
  void happened(CharEvent event);

  const char* const name_;
  CharBackend& backend_;
};

}  // namespace monochord
