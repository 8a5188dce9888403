// NS16550A against the PC16550D data sheet and the numbered behaviours 114 and 115.
#include "devices/ns16550a.h"

#include "tests/devices/fixture.h"

namespace monochord {
namespace {

constexpr uint64_t kUart = 0x10000000;
constexpr int64_t kCharNs = 1041660;  // (1e9 / 9600) * 10 after reset
using U = Ns16550a;

class Uart : public DeviceFixture {
 protected:
  Uart() : uart(&terminal, 399193) {
    map(kUart, uart);
    line.watch(uart.irqs()[0]);
    uart.reset();
  }
  ~Uart() override { unmap(uart); }
  uint8_t get(unsigned reg) { return read(kUart + reg, 1); }
  void put(unsigned reg, uint8_t value) { write(kUart + reg, 1, value); }
  uint8_t interrupt() { return get(2) & 0xf; }
  void fifos(uint8_t trigger = 0) { put(2, trigger << 6 | U::kFcrEnable); }

  FakeChar terminal;
  Ns16550a uart;
  LineProbe line;
};

TEST_F(Uart, input_is_traced_by_length_and_hash) {
  const TraceProbe probe("io_input");
  fifos(1);
  terminal.type("a");
  terminal.type("b");
  ASSERT_EQ(probe.lines.size(), 2u);
  EXPECT_TRUE(probe.lines[0].starts_with("io_input source=serial bytes=1 hash=0x")) << probe.lines[0];
  EXPECT_NE(probe.lines[0], probe.lines[1]);
}

TEST_F(Uart, registers_after_reset) {
  EXPECT_EQ(get(1), 0);
  EXPECT_EQ(get(2), 1);
  EXPECT_EQ(get(3), 0);
  EXPECT_EQ(get(4), 8);
  EXPECT_EQ(get(5), 0x60);
  EXPECT_EQ(get(6), 0xb0);
  EXPECT_EQ(get(7), 0);
  EXPECT_EQ(uart.char_time_ns(), kCharNs);
  put(3, 0x80);
  EXPECT_EQ(get(0), 12);
  EXPECT_EQ(get(1), 0);
}

TEST_F(Uart, B114_fifo_timeout_4_character_times_after_the_last_byte) {
  fifos(3);  // trigger 14
  put(1, U::kIerRdi);
  terminal.type("a");
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(deadline("ns16550a.fifo_timeout"), 4 * kCharNs);
  advance_ns(kCharNs);
  terminal.type("b");  // starts it anew
  EXPECT_EQ(deadline("ns16550a.fifo_timeout"), 5 * kCharNs);
  advance_ns(4 * kCharNs - 1);
  EXPECT_EQ(line.level, 0);
  advance_ns(1);
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(interrupt(), U::kIirCti);
  EXPECT_EQ(interrupt(), U::kIirCti);  // reading IIR does not clear it
  EXPECT_EQ(get(0), 'a');              // reading a byte does, and starts the time anew for what is left
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(deadline("ns16550a.fifo_timeout"), 9 * kCharNs);
  EXPECT_EQ(get(0), 'b');
  advance_ns(10 * kCharNs);            // the FIFO is empty: nothing comes
  EXPECT_EQ(line.level, 0);
}

TEST_F(Uart, B114_clearing_the_receive_fifo_takes_the_timeout_away) {
  fifos(3);
  put(1, U::kIerRdi);
  terminal.type("a");
  put(2, U::kFcrEnable | U::kFcrClearReceive | 0xc0);
  EXPECT_EQ(deadline("ns16550a.fifo_timeout"), -1);
  EXPECT_EQ(get(5) & U::kLsrDr, 0);
  terminal.type("a");
  advance_ns(5 * kCharNs);
  EXPECT_EQ(line.level, 1);
  put(2, U::kFcrEnable | U::kFcrClearReceive | 0xc0);
  EXPECT_EQ(line.level, 0);
}

TEST_F(Uart, B114_without_the_fifo_there_is_no_timeout) {
  put(1, U::kIerRdi);
  terminal.type("a");
  EXPECT_EQ(deadline("ns16550a.fifo_timeout"), -1);
  EXPECT_EQ(interrupt(), U::kIirRdi);
}

TEST_F(Uart, character_time_follows_divisor_and_frame) {
  put(3, 0x83);  // 8 bits, 1 stop
  put(0, 0x0d);
  put(1, 0);
  EXPECT_EQ(uart.char_time_ns(), 1'000'000'000ll * 13 / 399193 * 10);
  put(3, 0x1f);  // 8 bits, 2 stop, parity
  EXPECT_EQ(uart.char_time_ns(), 1'000'000'000ll * 13 / 399193 * 12);
  put(3, 0x80);  // 5 bits; divisor 0 is slow, not a crash
  put(0, 0);
  EXPECT_EQ(uart.char_time_ns(), 1'000'000'000ll / 3500 * 7);
}

uint8_t modem = 0xb0;
uint8_t modem_lines(void*) { return modem; }

TEST_F(Uart, B115_modem_lines_are_polled_every_10_ms_only_while_msi_is_enabled) {
  modem = U::kMsrCts;
  uart.set_modem_lines(&modem_lines, nullptr);
  uart.reset();
  EXPECT_EQ(deadline("ns16550a.modem_status"), -1);
  put(1, U::kIerMsi);
  EXPECT_EQ(deadline("ns16550a.modem_status"), 10'000'000);
  modem |= U::kMsrDcd;
  advance_ns(9'999'999);
  EXPECT_EQ(line.level, 0);
  advance_ns(1);
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(interrupt(), U::kIirMsi);
  EXPECT_EQ(get(6), U::kMsrCts | U::kMsrDcd | U::kMsrDdcd);
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(get(6), U::kMsrCts | U::kMsrDcd);  // reading cleared the change
  EXPECT_EQ(deadline("ns16550a.modem_status"), 20'000'000);
  put(1, 0);
  EXPECT_EQ(deadline("ns16550a.modem_status"), -1);
  // RI interrupts on its trailing edge only.
  modem |= U::kMsrRi;
  EXPECT_EQ(get(6) & U::kMsrAnyDelta, 0);
  modem &= ~U::kMsrRi;
  EXPECT_EQ(get(6) & U::kMsrAnyDelta, U::kMsrTeri);
  // A change of RTS makes it look once, a character later.
  put(4, U::kMcrRts);
  EXPECT_EQ(deadline("ns16550a.modem_status"), now() + kCharNs);
  advance_ns(kCharNs);
  EXPECT_EQ(deadline("ns16550a.modem_status"), -1);
}

TEST_F(Uart, B115_a_backend_without_modem_lines_is_never_polled) {
  put(1, 0xf);
  EXPECT_EQ(deadline("ns16550a.modem_status"), -1);
  put(4, U::kMcrRts | U::kMcrDtr);
  EXPECT_EQ(deadline("ns16550a.modem_status"), -1);
  EXPECT_EQ(get(6), 0xb0);
}

TEST_F(Uart, output_is_with_the_backend_at_once_and_thr_is_empty_again) {
  for (char c : std::string("hello")) {
    EXPECT_EQ(get(5) & 0x60, 0x60);
    put(0, c);
  }
  EXPECT_EQ(terminal.written, "hello");
  EXPECT_EQ(get(5) & 0x60, 0x60);
}

TEST_F(Uart, transmitter_interrupt_comes_when_enabled_and_after_each_byte) {
  put(1, U::kIerThri);
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(interrupt(), U::kIirThri);
  EXPECT_EQ(line.level, 0);  // reading IIR took it
  EXPECT_EQ(interrupt(), U::kIirNone);
  put(0, 'x');
  EXPECT_EQ(line.level, 1);
  const int rises = line.rises;
  put(0, 'y');  // the line falls and rises: an edge for the PLIC
  EXPECT_EQ(line.rises, rises + 1);
  put(1, 0);
  EXPECT_EQ(line.level, 0);
}

TEST_F(Uart, reception_without_fifo_holds_the_backend_until_the_byte_is_read) {
  terminal.type("abc");
  EXPECT_EQ(terminal.typed.size(), 2u);
  EXPECT_EQ(get(5) & U::kLsrDr, U::kLsrDr);
  EXPECT_EQ(get(0), 'a');
  EXPECT_EQ(get(0), 'b');
  EXPECT_EQ(get(0), 'c');
  EXPECT_EQ(get(5) & (U::kLsrDr | U::kLsrOe), 0);
}

TEST_F(Uart, the_fifo_takes_16_bytes_and_loses_none) {
  fifos(2);  // trigger 8
  put(1, U::kIerRdi);
  std::string text;
  for (int i = 0; i < 100; i++) text += static_cast<char>('!' + i % 90);
  terminal.type(text.substr(0, 7));
  EXPECT_EQ(line.level, 0);
  terminal.type(text.substr(7, 1));
  EXPECT_EQ(interrupt(), U::kIirRdi);
  terminal.type(text.substr(8));
  EXPECT_EQ(terminal.typed.size(), 84u);
  std::string got;
  while (get(5) & U::kLsrDr) got += static_cast<char>(get(0));
  EXPECT_EQ(got, text);
  EXPECT_EQ(get(5) & U::kLsrOe, 0);
}

TEST_F(Uart, trigger_levels_are_1_4_8_14) {
  const unsigned levels[] = {1, 4, 8, 14};
  put(1, U::kIerRdi);
  for (unsigned t = 0; t < 4; t++) {
    put(2, t << 6 | U::kFcrEnable | U::kFcrClearReceive);
    for (unsigned i = 1; i <= levels[t]; i++) {
      terminal.type("x");
      EXPECT_EQ(line.level, i == levels[t]) << "trigger " << levels[t];
    }
    EXPECT_EQ(get(2), U::kIirFifo | U::kIirRdi);
  }
}

TEST_F(Uart, loopback_brings_bytes_and_modem_outputs_back) {
  put(4, U::kMcrLoop | U::kMcrRts | U::kMcrOut1);
  put(0, 'L');
  EXPECT_EQ(terminal.written, "");
  EXPECT_EQ(get(5) & U::kLsrDr, U::kLsrDr);
  EXPECT_EQ(get(0), 'L');
  EXPECT_EQ(get(6) & 0xf0, U::kMsrCts | U::kMsrRi);
  put(4, U::kMcrLoop | U::kMcrDtr | U::kMcrOut2);
  EXPECT_EQ(get(6) & 0xf0, U::kMsrDsr | U::kMsrDcd);
  // An overrun: two bytes into one register.
  put(1, U::kIerRlsi);
  put(0, '1');
  put(0, '2');
  EXPECT_EQ(line.level, 1);
  EXPECT_EQ(interrupt(), U::kIirRlsi);
  EXPECT_EQ(get(5) & U::kLsrOe, U::kLsrOe);
  EXPECT_EQ(get(5) & U::kLsrOe, 0);
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(get(0), '2');
}

TEST_F(Uart, loopback_fills_the_fifo_and_overruns_it) {
  fifos();
  put(4, U::kMcrLoop);
  for (int i = 0; i < 17; i++) put(0, 'a' + i);
  EXPECT_EQ(get(5) & U::kLsrOe, U::kLsrOe);
  for (int i = 0; i < 16; i++) EXPECT_EQ(get(0), 'a' + i);  // the 17th is lost
  EXPECT_EQ(get(5) & U::kLsrDr, 0);
}

TEST_F(Uart, switching_the_fifos_empties_them) {
  fifos();
  terminal.type("abc");
  EXPECT_EQ(get(2) & U::kIirFifo, U::kIirFifo);
  put(2, 0);
  EXPECT_EQ(get(5) & U::kLsrDr, 0);
  EXPECT_EQ(get(2) & U::kIirFifo, 0);
}

TEST_F(Uart, line_status_goes_before_timeout_before_data_before_transmitter) {
  fifos();
  put(1, 0xf);
  EXPECT_EQ(interrupt(), U::kIirThri);
  terminal.type("a");
  EXPECT_EQ(interrupt(), U::kIirRdi);
  advance_ns(4 * kCharNs);
  EXPECT_EQ(interrupt(), U::kIirCti);
  put(4, U::kMcrLoop);
  for (int i = 0; i < 17; i++) put(0, i);
  EXPECT_EQ(interrupt(), U::kIirRlsi);
  get(5);
  EXPECT_EQ(interrupt(), U::kIirCti);
  get(0);
  EXPECT_EQ(interrupt(), U::kIirRdi);
  put(2, U::kFcrEnable | U::kFcrClearReceive);
  EXPECT_EQ(interrupt(), U::kIirThri);
  EXPECT_EQ(interrupt(), U::kIirNone);
}

TEST_F(Uart, accesses_wider_than_a_byte_reach_the_register_at_their_address) {
  write(kUart, 4, 0xffffff00 | 'W');
  EXPECT_EQ(terminal.written, "W");
  EXPECT_EQ(read(kUart + 4, 4), 8u);
}

TEST_F(Uart, reset_forgets_bytes_and_settings) {
  fifos(3);
  put(1, 0xf);
  terminal.type("abc");
  put(7, 0x55);
  uart.reset();
  EXPECT_EQ(line.level, 0);
  EXPECT_EQ(get(5), 0x60);
  EXPECT_EQ(get(7), 0);
  EXPECT_EQ(deadline("ns16550a.fifo_timeout"), -1);
}

TEST_F(Uart, a_destroyed_uart_leaves_its_backend) {
  FakeChar other;
  { Ns16550a gone(&other, 399193); EXPECT_TRUE(other.connected()); }
  EXPECT_FALSE(other.connected());
  other.type("x");
}

TEST_F(Uart, without_a_backend_output_goes_nowhere) {
  Ns16550a lone(nullptr, 399193);
  map(kUart + 0x1000, lone);
  lone.reset();
  write(kUart + 0x1000, 1, 'x');
  EXPECT_EQ(read(kUart + 0x1005, 1), 0x60u);
  unmap(lone);
}

}  // namespace
}  // namespace monochord
