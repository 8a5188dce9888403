#include "tests/timer/c11_device.h"
#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class C11 : public TimerFixture {};

// 10 ticks of 10 ms, the watchdog once, a trigger each 20 ms.
TEST_F(C11, device_code_in_c_compiles_unchanged_and_runs) { EXPECT_EQ(c11_device_run(), 10 * 10000 + 1 * 100 + 5); }

}  // namespace
}  // namespace monochord
