// Linked into a test program: MONOCHORD_TEST_ACCEL says what its harts run on, in the words of -accel (`interp`, `tcg,x-chain=off,...`), so that one
// program is run once for each variant of the JIT. Without it: the defaults. `check=unit|N` is --check: a difference fails the test that it is found in.
#include <cstdio>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tcg/jit/lockstep.h"
#include "tcg/jit/options.h"

namespace monochord {
namespace {

Status set_variant(std::string words) {
  JitOptions& options = jit_options();
  for (bool first = true; !words.empty(); first = false) {
    const size_t comma = words.find(',');
    const std::string word = words.substr(0, comma);
    words = comma == std::string::npos ? "" : words.substr(comma + 1);
    const size_t equals = word.find('=');
    const std::string key = word.substr(0, equals), value = equals == std::string::npos ? "" : word.substr(equals + 1);
    const Status status = first ? set_accelerator(options, word) : key == "check" ? set_check(options, value) : set_jit_option(options, key, value);
    if (!status) return status;
  }
  if (options.check == kCheckUnit) options.chain = false;
  return {};
}

// A difference is reported on stderr; here it also fails the test.
class FailOnDifference : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { before_ = Lockstep::differences; }
  void OnTestEnd(const ::testing::TestInfo&) override { EXPECT_EQ(Lockstep::differences, before_) << "found by check="; }
  uint64_t before_ = 0;
};

const bool variant_is_set = [] {
  const char* const words = getenv("MONOCHORD_TEST_ACCEL");
  if (words == nullptr) return false;
  if (const Status status = set_variant(words); !status) {
    fprintf(stderr, "MONOCHORD_TEST_ACCEL=%s: %s\n", words, status.error().message.c_str());
    exit(1);
  }
  if (jit_options().check != 0) ::testing::UnitTest::GetInstance()->listeners().Append(new FailOnDifference);
  return true;
}();

}  // namespace
}  // namespace monochord
