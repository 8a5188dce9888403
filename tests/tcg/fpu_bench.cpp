// Nanoseconds an operation of the floating-point unit takes: a loop of dependent calls, the least
// of some rounds. Not a test; build fpu_bench.
#include <bit>
#include <cstdio>
#include <ctime>

#include "tcg/fpu/fpu.h"
#include "tcg/fpu/soft_float.h"

namespace monochord::fpu {
namespace {

constexpr int kRounds = 7;
constexpr int kLoop = 400000;

double now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

// `step(a, fflags)` gives the next a. With `fresh` the flags are cleared each time.
template <class Bits, class Step>
double measure(Bits start, uint32_t flags, bool fresh, Step step) {
  double least = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    Bits a = start;
    uint32_t fflags = flags;
    const double begin = now_ns();
    for (int i = 0; i < kLoop; ++i) {
      a = step(a, fflags);
      if (fresh) fflags = flags;
      asm volatile("" : "+r"(a), "+m"(fflags));
    }
    const double each = (now_ns() - begin) / kLoop;
    if (each < least) least = each;
  }
  return least;
}

uint64_t bits(double value) { return std::bit_cast<uint64_t>(value); }
uint32_t bits(float value) { return std::bit_cast<uint32_t>(value); }

template <class Bits, class Unit, class Soft>
void row(const char* name, Bits start, Unit unit, Soft model) {
  const auto rne = [&](Bits a, uint32_t& fl) { return static_cast<Bits>(unit(a, RNE, fl)); };
  const auto rtz = [&](Bits a, uint32_t& fl) { return static_cast<Bits>(unit(a, RTZ, fl)); };
  const auto soft = [&](Bits a, uint32_t& fl) { return static_cast<Bits>(model(a, RNE, fl)); };
  std::printf("%-22s %8.2f %12.2f %8.2f %10.2f\n", name, measure(start, NX, false, rne),
              measure(start, 0, true, rne), measure(start, NX, false, rtz),
              measure(start, NX, false, soft));
}

void run() {
  using soft::F32;
  using soft::F64;
  const uint64_t d = bits(1.1), e = bits(0.3), one = bits(1.0);
  const uint32_t s = bits(1.1f), t = bits(0.3f);
  std::printf("%-22s %8s %12s %8s %10s\n", "ns per operation", "RNE, NX", "RNE, no flag", "RTZ",
              "soft float");
#define ROW(name, start, unit, model)                                           \
  row(                                                                          \
      name, start, [=](auto a, RoundingMode rm, uint32_t& fl) { return unit; }, \
      [=](auto a, RoundingMode rm, uint32_t& fl) { return model; })
  ROW("f64_add inexact", d, f64_add(a, e, rm, fl), soft::add<F64>(a, e, rm, fl));
  ROW("f64_add exact", d, f64_add(a, one, rm, fl), soft::add<F64>(a, one, rm, fl));
  ROW("f64_mul", d, f64_mul(d, (a & 0xff) | e, rm, fl), soft::mul<F64>(d, (a & 0xff) | e, rm, fl));
  ROW("f64_div", d, f64_div(d, (a & 0xff) | e, rm, fl), soft::div<F64>(d, (a & 0xff) | e, rm, fl));
  ROW("f64_sqrt", d, f64_sqrt((a & 0xff) | e, rm, fl), soft::sqrt<F64>((a & 0xff) | e, rm, fl));
  ROW("f64_madd", d, f64_madd(d, e, (a & 0xff) | e, rm, fl),
      soft::madd<F64>(d, e, (a & 0xff) | e, rm, fl));
  ROW("f32_add", s, f32_add(a, t, rm, fl), soft::add<F32>(a, t, rm, fl));
  ROW("f32_mul", s, f32_mul(s, (a & 0xff) | t, rm, fl), soft::mul<F32>(s, (a & 0xff) | t, rm, fl));
  ROW("f32_div", s, f32_div(s, (a & 0xff) | t, rm, fl), soft::div<F32>(s, (a & 0xff) | t, rm, fl));
  ROW("f32_madd", s, f32_madd(s, t, (a & 0xff) | t, rm, fl),
      soft::madd<F32>(s, t, (a & 0xff) | t, rm, fl));
  ROW("f64_to_i64", d, static_cast<uint64_t>(f64_to_i64((a & 0xff) | d, rm, fl)),
      static_cast<uint64_t>((soft::to_int<F64, int64_t>((a & 0xff) | d, rm, fl))));
  ROW("i64_to_f64", d, i64_to_f64(static_cast<int64_t>(a >> 20), rm, fl),
      (soft::from_int<F64, int64_t>(static_cast<int64_t>(a >> 20), rm, fl)));
  ROW("f64_to_f32", d, (uint64_t{f64_to_f32((a & 0xff) | d, rm, fl)}),
      (uint64_t{soft::convert<F64, F32>((a & 0xff) | d, rm, fl)}));
  ROW("f64_lt", d, (static_cast<void>(rm), uint64_t{f64_lt(a, e, fl)} + d),
      (static_cast<void>(rm), uint64_t{soft::lt<F64>(a, e, fl)} + d));
  ROW("f64_max", d, (static_cast<void>(rm), f64_max(a, e, fl)),
      (static_cast<void>(rm), soft::min_max<F64>(a, e, true, fl)));
}

}  // namespace
}  // namespace monochord::fpu

int main() { monochord::fpu::run(); }
