#include "tools/monochord/rtc_base.h"

#include <gtest/gtest.h>

namespace monochord {
namespace {

TEST(RtcBase, DatesAreSecondsSince1970) {
  EXPECT_EQ(parse_rtc_base("2006-06-17T16:01:21").value().value(), 1150560081LL * 1000000000);
  EXPECT_EQ(parse_rtc_base("1970-01-02").value().value(), 86400LL * 1000000000);
}

TEST(RtcBase, UtcIsTheHostsClock) { EXPECT_FALSE(parse_rtc_base("utc").value().has_value()); }

TEST(RtcBase, RefusesWhatIsNoDate) {
  for (const char* text : {"", "now", "2006-13-01", "2006-06-17T25:00:00", "2006-06-17T16:01:21x", "99-1-1"}) EXPECT_FALSE(parse_rtc_base(text).ok()) << text;
}

}  // namespace
}  // namespace monochord
