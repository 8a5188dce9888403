#include "tools/monochord-trace/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/result.h"
#include "tools/monochord-trace/text.h"

namespace monochord::trace {

unsigned Histogram::bucket_of(uint64_t value) {
  if (value < 2u << kSubBits) return static_cast<unsigned>(value);  // each of its own
  const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kSubBits;
  return (shift << kSubBits) + static_cast<unsigned>(value >> shift);
}

uint64_t Histogram::last_of(unsigned bucket) {
  if (bucket < 2u << kSubBits) return bucket;
  const unsigned shift = (bucket >> kSubBits) - 1;
  const uint64_t lead = (bucket & ((1u << kSubBits) - 1)) | 1u << kSubBits;
  return (lead << shift) + ((uint64_t{1} << shift) - 1);
}

void Histogram::add(int64_t value) {
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  count_++;
  sum_ += static_cast<double>(value);
  if (value < 0) {
    negative_++;
    return;
  }
  const unsigned bucket = bucket_of(static_cast<uint64_t>(value));
  if (bucket >= counts_.size()) counts_.resize(bucket + 1);
  counts_[bucket]++;
}

int64_t Histogram::percentile(double percent) const {
  const uint64_t rank = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(static_cast<double>(count_) * percent / 100)));
  uint64_t seen = negative_;
  if (seen >= rank) return min_;
  for (unsigned bucket = 0; bucket < counts_.size(); bucket++) {
    seen += counts_[bucket];
    if (seen >= rank) return std::min(max_, static_cast<int64_t>(last_of(bucket)));
  }
  return max_;
}

std::vector<std::pair<uint64_t, uint64_t>> Histogram::powers() const {
  std::vector<std::pair<uint64_t, uint64_t>> result;
  for (unsigned bucket = 0; bucket < counts_.size(); bucket++) {
    if (counts_[bucket] == 0) continue;
    const uint64_t first = std::bit_floor(last_of(bucket));
    if (result.empty() || result.back().first != first) result.push_back({first, 0});
    result.back().second += counts_[bucket];
  }
  return result;
}

std::string Histogram::bars(bool time) const {
  constexpr unsigned kWidth = 50;
  std::string text;
  uint64_t most = std::max<uint64_t>(1, negative_);
  for (const auto& [first, count] : powers()) most = std::max(most, count);
  const auto bar = [&](const std::string& from, uint64_t count) {
    const unsigned length = static_cast<unsigned>(std::ceil(static_cast<double>(count) / static_cast<double>(most) * kWidth));
    text += stringf("  %12s %10llu  ", from.c_str(), static_cast<unsigned long long>(count)) + std::string(length, '#') + '\n';
  };
  if (negative_ != 0) bar("below 0", negative_);
  for (const auto& [first, count] : powers())
    bar(first == 0 ? "0" : ">= " + (time ? duration_text(static_cast<double>(first)) : std::to_string(first)), count);
  return text;
}

std::string Histogram::json() const {
  std::string text = stringf("{\"count\":%llu", static_cast<unsigned long long>(count_));
  if (count_ != 0) {
    text += stringf(",\"min\":%lld,\"p50\":%lld,\"p90\":%lld,\"p99\":%lld,\"max\":%lld,\"mean\":%.3f", static_cast<long long>(min_),
                    static_cast<long long>(percentile(50)), static_cast<long long>(percentile(90)), static_cast<long long>(percentile(99)),
                    static_cast<long long>(max_), mean());
    text += ",\"log2\":[";
    if (negative_ != 0) text += stringf("[-1,%llu],", static_cast<unsigned long long>(negative_));
    for (const auto& [first, count] : powers())
      text += stringf("[%llu,%llu],", static_cast<unsigned long long>(first), static_cast<unsigned long long>(count));
    if (text.back() == ',') text.pop_back();
    text += "]";
  }
  return text + "}";
}

}  // namespace monochord::trace
