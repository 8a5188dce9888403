// The heap against a model: a list kept sorted the way QEMU documents it. Random operations, also from callbacks; every answer is compared.
#include <algorithm>
#include <list>
#include <random>

#include "tests/timer/fixture.h"

namespace monochord {
namespace {

class HeapModel : public TimerFixture, public ::testing::WithParamInterface<int> {
 protected:
  struct Entry {
    QEMUTimer timer{};
    int id = 0;
    int attributes = 0;
    std::vector<int>* order = nullptr;
  };

  // The sorted list: a timer is put behind all that are not later than its raw time; a negative one is stored as 0.
  struct Model {
    struct Item {
      int id;
      int64_t time;
    };
    std::list<Item> items;
    void del(int id) {
      items.remove_if([&](const Item& item) { return item.id == id; });
    }
    void mod(int id, int64_t time) {
      del(id);
      auto place = items.begin();
      while (place != items.end() && place->time <= time) ++place;
      items.insert(place, Item{id, std::max<int64_t>(time, 0)});
    }
    const Item* find(int id) const {
      for (const Item& item : items)
        if (item.id == id) return &item;
      return nullptr;
    }
  };

  void compare(const std::vector<Entry>& entries) {
    for (const Entry& entry : entries) {
      const Model::Item* item = model.find(entry.id);
      ASSERT_EQ(timer_pending(&entry.timer), item != nullptr);
      ASSERT_EQ(entry.timer.expire_time, item != nullptr ? item->time : -1);
    }
    ASSERT_EQ(qemu_clock_has_timers(QEMU_CLOCK_VIRTUAL), !model.items.empty());
    const int64_t now = virtual_timer_host_ns();
    const int64_t expected = model.items.empty() ? -1 : std::max<int64_t>(model.items.front().time - now, 0);
    ASSERT_EQ(deadline(), expected);
    for (int mask : {QEMU_TIMER_ATTR_ALL, ~QEMU_TIMER_ATTR_EXTERNAL, 2, 0}) {
      int64_t filtered = -1;
      for (const Model::Item& item : model.items) {
        if (entries[item.id].attributes & ~mask) continue;
        filtered = std::max<int64_t>(item.time - now, 0);
        break;
      }
      ASSERT_EQ(qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL, mask), filtered);
    }
  }

  Model model;
  std::vector<int> order;
};

TEST_P(HeapModel, random_operations) {
  const int timers = GetParam();
  std::mt19937_64 random(static_cast<unsigned>(timers) * 17 + 1);
  std::vector<Entry> entries(static_cast<size_t>(timers));
  for (int i = 0; i < timers; i++) {
    Entry& entry = entries[i];
    entry.id = i;
    entry.order = &order;
    entry.attributes = static_cast<int>(random() % 4);
    timer_init_full(&entry.timer, nullptr, QEMU_CLOCK_VIRTUAL, SCALE_NS, entry.attributes, [](void* opaque) {
      Entry* fired = static_cast<Entry*>(opaque);
      fired->order->push_back(fired->id);
    }, &entry);
  }
  int64_t now = 0;
  for (int step = 0; step < 20000; step++) {
    Entry& entry = entries[random() % entries.size()];
    // Few distinct times, so that equals are common; some negative, some at the end of time.
    int64_t time = now + static_cast<int64_t>(random() % 24) - 4;
    if (random() % 16 == 0) time = -static_cast<int64_t>(random() % 3);
    if (random() % 64 == 0) time = INT64_MAX - static_cast<int64_t>(random() % 2);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        timer_mod_ns(&entry.timer, time);
        model.mod(entry.id, time);
        break;
      case 3: {
        timer_mod_anticipate_ns(&entry.timer, time);
        const Model::Item* item = model.find(entry.id);
        if (item == nullptr || item->time > time) model.mod(entry.id, time);
        break;
      }
      case 4:
      case 5:
        timer_del(&entry.timer);
        model.del(entry.id);
        break;
      default: {
        now += static_cast<int64_t>(random() % 6);
        set_ns(now);
        order.clear();
        run();
        std::vector<int> expected;
        while (!model.items.empty() && model.items.front().time <= now) {
          expected.push_back(model.items.front().id);
          model.items.pop_front();
        }
        ASSERT_EQ(order, expected) << "step " << step;
      }
    }
    if (timers <= 20 || step % 50 == 0) compare(entries);
    if (HasFatalFailure()) FAIL() << "step " << step;
  }
  for (Entry& entry : entries) timer_del(&entry.timer);
}

INSTANTIATE_TEST_SUITE_P(Sizes, HeapModel, ::testing::Values(1, 2, 3, 7, 20, 200, 1500));

}  // namespace
}  // namespace monochord
