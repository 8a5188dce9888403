#include "core/input_gate.h"

#include "core/guest_time.h"
#include "core/replay.h"

namespace monochord {

InputGate::InputGate(const char* name, CharBackend& backend) : name_(name), backend_(backend) {
  CharReceiver receiver;
  receiver.opaque = this;
  receiver.can_receive = [](void* opaque) -> size_t {
    if (replay_mode() == ReplayMode::kPlay) return SIZE_MAX;  // to drop it
    const CharReceiver& device = static_cast<InputGate*>(opaque)->receiver_;
    return device.can_receive != nullptr ? device.can_receive(device.opaque) : 0;
  };
  receiver.receive = [](void* opaque, const uint8_t* bytes, size_t size) { static_cast<InputGate*>(opaque)->received(bytes, size); };
  receiver.event = [](void* opaque, CharEvent event) { static_cast<InputGate*>(opaque)->happened(event); };
  backend_.set_receiver(receiver);
  replay_add_gate(*this);
}

InputGate::~InputGate() {
  replay_remove_gate(*this);
  backend_.set_receiver({});
}

void InputGate::received(const uint8_t* bytes, size_t size) {
  if (replay_mode() == ReplayMode::kPlay) return;
  guest_time_input();
  if (replay_mode() == ReplayMode::kRecord) replay_record_input(*this, bytes, size);
  deliver(bytes, size);
}

void InputGate::happened(CharEvent event) {
  // Only a break reaches the guest; the rest is about who sits there.
  if (event != CharEvent::kBreak) {
    send_event(event);
    return;
  }
  if (replay_mode() == ReplayMode::kPlay) return;
  guest_time_input();
  if (replay_mode() == ReplayMode::kRecord) replay_record_break(*this);
  deliver_break();
}

void InputGate::deliver(const uint8_t* bytes, size_t size) {
  if (receiver_.receive != nullptr) receiver_.receive(receiver_.opaque, bytes, size);
}

void InputGate::deliver_break() { send_event(CharEvent::kBreak); }

}  // namespace monochord
