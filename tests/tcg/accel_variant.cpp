// Linked into a test program: MONOCHORD_TEST_ACCEL says what its harts run on, in the words of -accel (`interp`, `tcg,x-chain=off,...`), so that one
// program is run once for each variant of the JIT. Without it: the defaults.
#include <cstdio>
#include <cstdlib>
#include <string>

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
    const Status status = first ? set_accelerator(options, word)
                                : set_jit_option(options, word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1));
    if (!status) return status;
  }
  return {};
}

const bool variant_is_set = [] {
  const char* const words = getenv("MONOCHORD_TEST_ACCEL");
  if (words == nullptr) return false;
  if (const Status status = set_variant(words); !status) {
    fprintf(stderr, "MONOCHORD_TEST_ACCEL=%s: %s\n", words, status.error().message.c_str());
    exit(1);
  }
  return true;
}();

}  // namespace
}  // namespace monochord
