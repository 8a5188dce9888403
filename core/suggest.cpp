#include "core/suggest.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace monochord {

namespace {

constexpr size_t kLettersMax = 64;  // of either name: a longer word is nobody's typing mistake

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Edit distance with swaps of neighbours (optimal string alignment), three rows at a time.
size_t distance(std::string_view a, std::string_view b) {
  a = a.substr(0, kLettersMax);
  b = b.substr(0, kLettersMax);
  std::array<size_t, kLettersMax + 1> before{}, last{}, row{};
  for (size_t j = 0; j <= b.size(); j++) last[j] = j;
  for (size_t i = 1; i <= a.size(); i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); j++) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

bool abbreviates(std::string_view word, std::string_view name) {
  if (word.size() < 2 || word.size() > name.size()) return false;
  return std::equal(word.begin(), word.end(), name.begin(), [](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace

std::string_view nearest_name(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  size_t best_score = SIZE_MAX;
  for (std::string_view name : candidates) {
    // Distances count double, so that an abbreviation stands between equal and one letter wrong.
    const size_t edits = 2 * distance(word, name);
    const size_t score = abbreviates(word, name) ? std::min<size_t>(edits, 1) : edits;
    if (score < best_score) {
      best_score = score;
      best = name;
    }
  }
  return best;
}

}  // namespace monochord
