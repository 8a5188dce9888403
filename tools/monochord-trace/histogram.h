// Counts of values in buckets that grow with them: 32 a power of two, so that a percentile is at most 1/32 too large. Bounded memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace monochord::trace {

class Histogram {
 public:
  void add(int64_t value);
  uint64_t count() const { return count_; }
  int64_t min() const { return min_; }
  int64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  // The largest value of the bucket in which `percent` of all values are reached; never above max().
  int64_t percentile(double percent) const;
  // A bar a power of two; `time` prints the borders as times.
  std::string bars(bool time) const;
  // {"count":..,"min":..,"p50":..,"p90":..,"p99":..,"max":..,"mean":..,"log2":[[from,count],..]}
  std::string json() const;

 private:
  static constexpr unsigned kSubBits = 5;
  static unsigned bucket_of(uint64_t value);
  static uint64_t last_of(unsigned bucket);
  std::vector<std::pair<uint64_t, uint64_t>> powers() const;  // first value of each power of two that has any, count

  std::vector<uint64_t> counts_;
  uint64_t negative_ = 0;  // a value below 0 counts there, and in min()
  uint64_t count_ = 0;
  int64_t min_ = 0, max_ = 0;
  double sum_ = 0;
};

}  // namespace monochord::trace
