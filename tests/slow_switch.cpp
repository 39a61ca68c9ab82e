// A switch for network namespaces, for kernels without a queue that delays: each port is a TAP device in a
// namespace; what comes in leaves through the port of its destination at a given rate, a given time later.
//   slow_switch DELAY_MICROSECONDS MBIT_PER_SECOND NAMESPACE…       (as root; each gets a device "tap0")
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace {

using Nanoseconds = std::int64_t;
using Address = std::array<unsigned char, 6>;

struct Frame {
  Nanoseconds due;
  std::vector<char> bytes;
};

struct Port {
  int device = -1;
  Nanoseconds free_at = 0;  // when the last bit of what it was given has left
  std::deque<Frame> leaving;
};

constexpr std::size_t kLargestFrame = 9100;
constexpr Nanoseconds kLongestQueue = 50'000'000;  // beyond it frames are lost, as in a real switch

[[noreturn]] void fail(const std::string& what) {
  std::perror(("slow_switch: " + what).c_str());
  std::exit(1);
}

Nanoseconds now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * Nanoseconds{1'000'000'000} + time.tv_nsec;
}

int device_in(const std::string& name) {
  const int space = ::open(("/run/netns/" + name).c_str(), O_RDONLY);
  if (space < 0 || ::setns(space, CLONE_NEWNET) != 0) fail(name);
  ::close(space);
  const int device = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strcpy(request.ifr_name, "tap0");
  if (device < 0 || ::ioctl(device, TUNSETIFF, &request) != 0) fail("/dev/net/tun");
  return device;
}

class Switch {
 public:
  Switch(Nanoseconds delay, double nanoseconds_per_byte) : delay_(delay), per_byte_(nanoseconds_per_byte) {}
  void add(const std::string& name) { ports_.push_back({device_in(name), 0, {}}); }

  void run() {
    while (true) {
      wait();
      for (std::size_t port = 0; port < ports_.size(); ++port) take(port);
      for (Port& port : ports_) give(port);
    }
  }

 private:
  void wait() {
    std::vector<pollfd> devices;
    Nanoseconds next = now() + 1'000'000'000;
    for (const Port& port : ports_) {
      devices.push_back({port.device, POLLIN, 0});
      if (!port.leaving.empty()) next = std::min(next, port.leaving.front().due);
    }
    const Nanoseconds left = std::max(next - now(), Nanoseconds{0});
    const timespec time{left / 1'000'000'000, left % 1'000'000'000};
    ::ppoll(devices.data(), devices.size(), &time, nullptr);
  }

  void take(std::size_t from) {
    std::array<char, kLargestFrame> bytes;
    for (ssize_t size = 0; (size = ::read(ports_[from].device, bytes.data(), bytes.size())) > 12;) {
      Address to, sender;
      std::memcpy(to.data(), bytes.data(), to.size());
      std::memcpy(sender.data(), bytes.data() + to.size(), sender.size());
      places_[sender] = from;
      const auto known = places_.find(to);
      for (std::size_t port = 0; port < ports_.size(); ++port) {
        if (port != from && (known == places_.end() || known->second == port))
          queue(ports_[port], {bytes.data(), bytes.data() + size});
      }
    }
  }

  void queue(Port& port, std::vector<char> bytes) const {
    const Nanoseconds start = std::max(port.free_at, now());
    if (start - now() > kLongestQueue) return;
    port.free_at = start + static_cast<Nanoseconds>(static_cast<double>(bytes.size()) * per_byte_);
    port.leaving.push_back({port.free_at + delay_, std::move(bytes)});
  }

  static void give(Port& port) {
    for (; !port.leaving.empty() && port.leaving.front().due <= now(); port.leaving.pop_front()) {
      const std::vector<char>& bytes = port.leaving.front().bytes;
      if (::write(port.device, bytes.data(), bytes.size()) < 0 && errno != EIO) return;  // EIO: it is down
    }
  }

  Nanoseconds delay_;
  double per_byte_;
  std::vector<Port> ports_;
  std::map<Address, std::size_t> places_;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) return 2;
  Switch all(std::atoll(arguments[1]) * 1000, 8000 / std::atof(arguments[2]));
  for (int i = 3; i < count; ++i) all.add(arguments[i]);
  std::puts("ready");
  std::fflush(stdout);
  all.run();
}
