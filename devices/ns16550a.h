// NS16550A UART with 16-byte FIFOs, reg-shift 0.
//
//   DLAB=0  0 RBR (read) / THR (write)   1 IER            DLAB=1  0 DLL   1 DLM
//           2 IIR (read) / FCR (write)   3 LCR   4 MCR   5 LSR   6 MSR   7 SCR
//
// Rules
// - Transmission takes no guest time: a byte is with the CharBackend when the store returns, and THR is empty again. The backend queues or blocks on the
//   host side, so a slow terminal never changes what the guest sees.
// - Reception has backpressure: the backend delivers at most what can_receive() allows and is told when there is room again.
// - Timers on VIRTUAL: the receive FIFO's timeout, 4 character times after the last byte or RBR read that leaves bytes; the modem status poll, every
//   10 ms and only while IER.MSI is on and the backend has modem lines (set_modem_lines); without them DCD, DSR and CTS are up for ever.
// - State changes first, then update_irq(). Priority: line status, timeout, data, transmitter empty, modem status.
// - Registers are bytes; wider accesses reach the register at their address, as the bus of the virt board does.
// Source: National Semiconductor PC16550D data sheet, section 8 (registers).
#pragma once

#include <array>

#include "core/chardev.h"
#include "core/device.h"
#include "timer/timer.h"

namespace monochord {

class Ns16550a final : public RegisterDevice<Ns16550a> {
 public:
  static constexpr DeviceInfo kInfo{"serial", "NS16550A UART", "serial", "ns16550a", 8, 1, 8};
  static constexpr unsigned kFifoSize = 16;
  static constexpr int64_t kModemPollNs = 10 * SCALE_MS;

  enum Ier : uint8_t { kIerRdi = 1, kIerThri = 2, kIerRlsi = 4, kIerMsi = 8 };
  enum Iir : uint8_t { kIirNone = 1, kIirMsi = 0, kIirThri = 2, kIirRdi = 4, kIirRlsi = 6, kIirCti = 0xc, kIirId = 0xf, kIirFifo = 0xc0 };
  enum Fcr : uint8_t { kFcrEnable = 1, kFcrClearReceive = 2, kFcrClearTransmit = 4, kFcrDma = 8, kFcrTrigger = 0xc0 };
  enum Lcr : uint8_t { kLcrStop = 4, kLcrParity = 8, kLcrBreak = 0x40, kLcrDlab = 0x80 };
  enum Mcr : uint8_t { kMcrDtr = 1, kMcrRts = 2, kMcrOut1 = 4, kMcrOut2 = 8, kMcrLoop = 0x10 };
  enum Lsr : uint8_t { kLsrDr = 1, kLsrOe = 2, kLsrPe = 4, kLsrFe = 8, kLsrBi = 0x10, kLsrThre = 0x20, kLsrTemt = 0x40, kLsrIntAny = 0x1e };
  enum Msr : uint8_t { kMsrDcts = 1, kMsrDdsr = 2, kMsrTeri = 4, kMsrDdcd = 8, kMsrAnyDelta = 0xf, kMsrCts = 0x10, kMsrDsr = 0x20, kMsrRi = 0x40, kMsrDcd = 0x80 };

  // `baud_base_hz` is the input clock divided by 16.
  Ns16550a(CharBackend* backend, uint32_t baud_base_hz);
  ~Ns16550a() override;
  static std::span<const Reg<Ns16550a>> registers();
  void reset() override;
  std::span<IrqLine> irqs() override { return {&irq_, 1}; }
  void fdt(FdtBuilder& fdt, const std::string& node) const override;

  // The backend has modem lines; `lines` answers MSR's upper half (CTS, DSR, RI, DCD). Without it the lines are constant and nothing polls.
  void set_modem_lines(uint8_t (*lines)(void* opaque), void* opaque);
  // The time of one character with the present settings.
  int64_t char_time_ns() const { return state_.char_time_ns; }

 private:
  struct Fifo {
    std::array<uint8_t, kFifoSize> bytes{};
    unsigned first = 0, count = 0;
    bool full() const { return count == kFifoSize; }
    void push(uint8_t byte) { bytes[(first + count++) % kFifoSize] = byte; }
    uint8_t pop();
  };

  uint64_t pop_rbr();
  void write_thr(uint64_t value);
  uint64_t read_ier();
  void write_ier(uint64_t value);
  uint64_t acknowledge_iir();
  void write_fcr(uint64_t value);
  uint64_t read_lcr() { return state_.lcr; }
  void write_lcr(uint64_t value);
  uint64_t read_mcr() { return state_.mcr; }
  void write_mcr(uint64_t value);
  uint64_t clear_lsr();
  uint64_t clear_msr();
  uint64_t read_scr() { return state_.scr; }
  void write_scr(uint64_t value) { state_.scr = value; }

  bool dlab() const { return state_.lcr & kLcrDlab; }
  bool fifo_enabled() const { return state_.fcr & kFcrEnable; }
  void update_parameters();
  void update_irq();
  size_t can_receive() const;
  void receive_byte(uint8_t byte);
  void receive(const uint8_t* bytes, size_t size);
  void transmit(uint8_t byte);
  void arm_fifo_timeout();
  static void fifo_timeout_expired(void* opaque);
  static void modem_status_expired(void* opaque);
  void poll_modem_status();

  struct State {
    uint16_t divider = 12;
    uint8_t rbr = 0, ier = 0, iir = kIirNone, lcr = 0, mcr = kMcrOut2, scr = 0, fcr = 0;
    uint8_t lsr = kLsrTemt | kLsrThre;
    uint8_t msr = kMsrDcd | kMsrDsr | kMsrCts;
    bool thr_interrupt = false;      // the THRE interrupt is pending
    bool timeout_interrupt = false;  // the receive FIFO's timeout is pending
    bool polling = false;            // the modem lines are polled
    Fifo receive_fifo;
    unsigned trigger = 1;            // bytes in the FIFO that make RDI
    int64_t char_time_ns = NANOSECONDS_PER_SECOND / 9600 * 10;
  };

  CharBackend* const backend_;  // may be absent
  const uint32_t baud_base_hz_;
  uint8_t (*modem_lines_)(void* opaque) = nullptr;
  void* modem_opaque_ = nullptr;
  State state_;
  IrqLine irq_;
  Timer fifo_timeout_;
  Timer modem_status_;
};

}  // namespace monochord
