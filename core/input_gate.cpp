#include "core/input_gate.h"

#include "core/guest_time.h"

namespace monochord {

InputGate::InputGate(const char* name, CharBackend& backend) : name_(name), backend_(backend) {
  CharReceiver receiver;
  receiver.opaque = this;
  receiver.can_receive = [](void* opaque) -> size_t {
    const CharReceiver& device = static_cast<InputGate*>(opaque)->receiver_;
    return device.can_receive != nullptr ? device.can_receive(device.opaque) : 0;
  };
  receiver.receive = [](void* opaque, const uint8_t* bytes, size_t size) { static_cast<InputGate*>(opaque)->received(bytes, size); };
  receiver.event = [](void* opaque, CharEvent event) { static_cast<InputGate*>(opaque)->happened(event); };
  backend_.set_receiver(receiver);
}

InputGate::~InputGate() { backend_.set_receiver({}); }

void InputGate::received(const uint8_t* bytes, size_t size) {
  if (receiver_.receive == nullptr) return;
  guest_time_input();
  receiver_.receive(receiver_.opaque, bytes, size);
}

void InputGate::happened(CharEvent event) {
  // Only a break reaches the guest; the rest is about who sits there.
  if (event == CharEvent::kBreak) guest_time_input();
  send_event(event);
}

}  // namespace monochord
