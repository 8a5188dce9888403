// A character backend: where a UART's bytes go to and come from. Implemented in port/ (stdio, file, unix socket, pty, null) and by tests.
// Main context, BQL held.
//
// Rules
// - write() takes everything: what the host can't take now is queued on the host side (bounded: a full queue blocks the emulator, never
//   loses a byte and never changes what the guest sees).
// - Input comes through the receiver: the backend asks can_receive() first and delivers at most that many bytes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace monochord {

enum class CharEvent {
  kBreak,     // the line was held low (Ctrl-A b)
  kOpened,    // somebody connected
  kClosed,    // and went away
  kFocusIn,   // this front end of a multiplexer has the keyboard now
  kFocusOut,
};

struct CharReceiver {
  // How many bytes the device takes now (0: none; it calls accept_input() when it can again).
  size_t (*can_receive)(void* opaque) = nullptr;
  void (*receive)(void* opaque, const uint8_t* bytes, size_t size) = nullptr;
  void* opaque = nullptr;
  void (*event)(void* opaque, CharEvent event) = nullptr;  // may be null
};

class CharBackend {
 public:
  virtual ~CharBackend() = default;
  virtual void write(const uint8_t* bytes, size_t size) = 0;
  // The receiver can take bytes again.
  virtual void accept_input() {}
  // Pushes out what is queued; called before the process ends.
  virtual void flush() {}
  // A person sits there: what is typed too fast may be dropped, but never stops the keys that end the emulator.
  virtual bool is_terminal() const { return false; }
  // accept_input() follows: the receiver need not be ready for bytes before the next turn of the loop.
  void set_receiver(const CharReceiver& receiver) {
    receiver_ = receiver;
    if (receiver.receive != nullptr) accept_input();
  }

 protected:
  void send_event(CharEvent event) {
    if (receiver_.event != nullptr) receiver_.event(receiver_.opaque, event);
  }

  CharReceiver receiver_;
};

}  // namespace monochord
