#include "devices/ns16550a.h"

#include "core/fdt.h"
#include "core/trace_format.h"

namespace monochord {

std::span<const Reg<Ns16550a>> Ns16550a::registers() {
  using D = Ns16550a;
  static constexpr Reg<D> kRegs[] = {
      {0, "RBR/THR/DLL", &D::pop_rbr, &D::write_thr},
      {1, "IER/DLM", &D::read_ier, &D::write_ier},
      {2, "IIR/FCR", &D::acknowledge_iir, &D::write_fcr},
      {3, "LCR", &D::read_lcr, &D::write_lcr},
      {4, "MCR", &D::read_mcr, &D::write_mcr},
      {5, "LSR", &D::clear_lsr, nullptr},
      {6, "MSR", &D::clear_msr, nullptr},
      {7, "SCR", &D::read_scr, &D::write_scr},
  };
  return kRegs;
}

Ns16550a::Ns16550a(CharBackend* backend, uint32_t baud_base_hz)
    : backend_(backend),
      baud_base_hz_(baud_base_hz),
      fifo_timeout_("ns16550a.fifo_timeout", QEMU_CLOCK_VIRTUAL, {&fifo_timeout_expired, "Ns16550a::fifo_timeout_expired"}, this),
      modem_status_("ns16550a.modem_status", QEMU_CLOCK_VIRTUAL, {&modem_status_expired, "Ns16550a::modem_status_expired"}, this) {
  if (backend_ == nullptr) return;
  backend_->set_receiver({
      [](void* opaque) { return static_cast<Ns16550a*>(opaque)->can_receive(); },
      [](void* opaque, const uint8_t* bytes, size_t size) { static_cast<Ns16550a*>(opaque)->receive(bytes, size); },
      this,
  });
}

Ns16550a::~Ns16550a() {
  if (backend_ != nullptr) backend_->set_receiver({});
}

void Ns16550a::set_modem_lines(uint8_t (*lines)(void* opaque), void* opaque) {
  modem_lines_ = lines;
  modem_opaque_ = opaque;
}

void Ns16550a::reset() {
  fifo_timeout_.del();
  modem_status_.del();
  state_ = State{};
  poll_modem_status();
  state_.msr &= ~kMsrAnyDelta;
  update_irq();
  if (backend_ != nullptr) backend_->accept_input();
}

void Ns16550a::fdt(FdtBuilder& fdt, const std::string& node) const { fdt.set_cells(node, "clock-frequency", {3686400}); }

uint8_t Ns16550a::Fifo::pop() {
  CHECK(count > 0);
  const uint8_t byte = bytes[first];
  first = (first + 1) % kFifoSize;
  count--;
  return byte;
}

// --- interrupts -------------------------------------------------------------------------------------------------------

void Ns16550a::update_irq() {
  const State& s = state_;
  const bool data = (s.lsr & kLsrDr) && (!fifo_enabled() || s.receive_fifo.count >= s.trigger);
  uint8_t id = kIirNone;
  if ((s.ier & kIerRlsi) && (s.lsr & kLsrIntAny))
    id = kIirRlsi;
  else if ((s.ier & kIerRdi) && s.timeout_interrupt)
    id = kIirCti;
  else if ((s.ier & kIerRdi) && data)
    id = kIirRdi;
  else if ((s.ier & kIerThri) && s.thr_interrupt)
    id = kIirThri;
  else if ((s.ier & kIerMsi) && (s.msr & kMsrAnyDelta))
    id = kIirMsi;
  state_.iir = id | (fifo_enabled() ? kIirFifo : 0);
  irq_.set(id != kIirNone);
}

uint64_t Ns16550a::acknowledge_iir() {
  const uint8_t iir = state_.iir;
  if ((iir & kIirId) == kIirThri) {
    state_.thr_interrupt = false;
    update_irq();
  }
  return iir;
}

uint64_t Ns16550a::read_ier() { return dlab() ? state_.divider >> 8 : state_.ier; }

void Ns16550a::write_ier(uint64_t value) {
  if (dlab()) {
    state_.divider = (state_.divider & 0x00ff) | (value & 0xff) << 8;
    update_parameters();
    return;
  }
  const uint8_t changed = (state_.ier ^ value) & 0xf;
  state_.ier = value & 0xf;
  if ((changed & kIerMsi) && modem_lines_ != nullptr) {
    state_.polling = state_.ier & kIerMsi;
    if (state_.polling)
      poll_modem_status();
    else
      modem_status_.del();
  }
  // Switching the interrupt on while the transmitter is empty asks at once (drivers start transmission so).
  if (changed & kIerThri) state_.thr_interrupt = (state_.ier & kIerThri) && (state_.lsr & kLsrThre);
  if (changed) update_irq();
}

void Ns16550a::write_fcr(uint64_t value) {
  // Switching the FIFOs on or off empties both.
  if ((value ^ state_.fcr) & kFcrEnable) value |= kFcrClearReceive | kFcrClearTransmit;
  if (value & kFcrClearReceive) {
    state_.lsr &= ~(kLsrDr | kLsrBi);
    fifo_timeout_.del();
    state_.timeout_interrupt = false;
    state_.receive_fifo = Fifo{};
  }
  if (value & kFcrClearTransmit) {
    state_.lsr |= kLsrThre;
    state_.thr_interrupt = true;
  }
  state_.fcr = value & (kFcrTrigger | kFcrDma | kFcrEnable);
  static constexpr uint8_t kTriggers[] = {1, 4, 8, 14};
  state_.trigger = kTriggers[state_.fcr >> 6];
  update_irq();
  if (backend_ != nullptr) backend_->accept_input();
}

// --- data -------------------------------------------------------------------------------------------------------------

void Ns16550a::arm_fifo_timeout() { fifo_timeout_.mod_ns(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + 4 * state_.char_time_ns); }

void Ns16550a::fifo_timeout_expired(void* opaque) {
  Ns16550a& s = *static_cast<Ns16550a*>(opaque);
  if (s.state_.receive_fifo.count == 0) return;
  s.state_.timeout_interrupt = true;
  s.update_irq();
}

size_t Ns16550a::can_receive() const {
  if (!fifo_enabled()) return !(state_.lsr & kLsrDr);
  // Up to the trigger level at once, then byte by byte: a driver that keeps up sees no overrun and few interrupts.
  const unsigned count = state_.receive_fifo.count;
  if (count < state_.trigger) return state_.trigger - count;
  return state_.receive_fifo.full() ? 0 : 1;
}

void Ns16550a::receive_byte(uint8_t byte) {
  if (fifo_enabled()) {
    if (state_.receive_fifo.full())
      state_.lsr |= kLsrOe;
    else
      state_.receive_fifo.push(byte);
    state_.lsr |= kLsrDr;
    arm_fifo_timeout();
  } else {
    if (state_.lsr & kLsrDr) state_.lsr |= kLsrOe;
    state_.rbr = byte;
    state_.lsr |= kLsrDr;
  }
}

void Ns16550a::receive(const uint8_t* bytes, size_t size) {
  if (trace_event_on(kTrace_io_input)) trace_io_input(kInfo.name, size, trace_hash(kTraceHashSeed, bytes, size));
  for (size_t i = 0; i < size; i++) receive_byte(bytes[i]);
  update_irq();
}

uint64_t Ns16550a::pop_rbr() {
  if (dlab()) return state_.divider & 0xff;
  uint8_t byte = 0;
  if (fifo_enabled()) {
    if (state_.receive_fifo.count > 0) byte = state_.receive_fifo.pop();
    if (state_.receive_fifo.count == 0)
      state_.lsr &= ~(kLsrDr | kLsrBi);
    else
      arm_fifo_timeout();
    state_.timeout_interrupt = false;
  } else {
    byte = state_.rbr;
    state_.lsr &= ~(kLsrDr | kLsrBi);
  }
  update_irq();
  if (!(state_.mcr & kMcrLoop) && backend_ != nullptr) backend_->accept_input();
  return byte;
}

void Ns16550a::write_thr(uint64_t value) {
  if (dlab()) {
    state_.divider = (state_.divider & 0xff00) | (value & 0xff);
    update_parameters();
    return;
  }
  // For the guest the byte leaves within this store: the transmitter is busy (the line falls), then empty (it rises).
  state_.thr_interrupt = false;
  update_irq();
  transmit(value & 0xff);
  state_.lsr |= kLsrThre | kLsrTemt;
  state_.thr_interrupt = true;
  update_irq();
}

void Ns16550a::transmit(uint8_t byte) {
  if (state_.mcr & kMcrLoop)
    receive_byte(byte);
  else if (backend_ != nullptr)
    backend_->write(&byte, 1);
}

// --- line and modem ---------------------------------------------------------------------------------------------------

void Ns16550a::update_parameters() {
  const unsigned bits = 5 + (state_.lcr & 3) + (state_.lcr & kLcrStop ? 2 : 1) + (state_.lcr & kLcrParity ? 1 : 0) + 1;
  // A divider of 0 is no speed at all; take one that is slow but moves.
  const int64_t bit_ns = state_.divider == 0 ? NANOSECONDS_PER_SECOND / 3500 : NANOSECONDS_PER_SECOND * state_.divider / baud_base_hz_;
  state_.char_time_ns = bit_ns * bits;
}

void Ns16550a::write_lcr(uint64_t value) {
  state_.lcr = value;
  update_parameters();
}

void Ns16550a::write_mcr(uint64_t value) {
  const uint8_t old = state_.mcr;
  state_.mcr = value & 0x1f;
  if (state_.mcr & kMcrLoop) return;
  // The other end answers to RTS and DTR: look once, a character later.
  if (modem_lines_ != nullptr && old != state_.mcr) modem_status_.mod_ns(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + state_.char_time_ns);
}

uint64_t Ns16550a::clear_lsr() {
  const uint8_t lsr = state_.lsr;
  if (lsr & (kLsrBi | kLsrOe)) {
    state_.lsr &= ~(kLsrBi | kLsrOe);
    update_irq();
  }
  return lsr;
}

uint64_t Ns16550a::clear_msr() {
  if (state_.mcr & kMcrLoop) {  // the outputs, looped back: OUT2 OUT1 RTS DTR -> DCD RI CTS DSR
    return (state_.mcr & (kMcrOut1 | kMcrOut2)) << 4 | (state_.mcr & kMcrRts) << 3 | (state_.mcr & kMcrDtr) << 5;
  }
  if (modem_lines_ != nullptr) poll_modem_status();
  const uint8_t msr = state_.msr;
  if (msr & kMsrAnyDelta) {
    state_.msr &= ~kMsrAnyDelta;
    update_irq();
  }
  return msr;
}

void Ns16550a::modem_status_expired(void* opaque) { static_cast<Ns16550a*>(opaque)->poll_modem_status(); }

void Ns16550a::poll_modem_status() {
  if (modem_lines_ == nullptr) return;
  const uint8_t lines = modem_lines_(modem_opaque_) & (kMsrCts | kMsrDsr | kMsrRi | kMsrDcd);
  const uint8_t old = state_.msr;
  const uint8_t changed = (old ^ lines) >> 4;
  uint8_t delta = changed & (kMsrDcts | kMsrDdsr | kMsrDdcd);
  if ((old & kMsrRi) && !(lines & kMsrRi)) delta |= kMsrTeri;  // the trailing edge only
  state_.msr = lines | (old & kMsrAnyDelta) | delta;
  if (delta) update_irq();
  if (state_.polling) modem_status_.mod_ns(qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + kModemPollNs);
}

}  // namespace monochord
