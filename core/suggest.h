// "Did you mean": the accepted name that is nearest to a word that isn't one. For options, log items, trace events, properties.
// Any context; allocates nothing.
#pragma once

#include <span>
#include <string_view>

namespace monochord {

// The nearest candidate; equals go to the first one. Empty only where there are no candidates. Near is: few letters to insert, remove, change or
// swap, where a candidate that begins with the word (an abbreviation) counts as almost equal. Case does not count.
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace monochord
