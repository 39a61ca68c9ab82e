#include "cli/watch_server.hpp"

#include <fmt/format.h>
#include <httplib.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "ztilde/error.hpp"

namespace ztilde::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenVersions = 1s;
// A browser that does not take what it is sent for so long is let go.
constexpr time_t kPatienceSeconds = 2;
// Each watching browser has one to itself.
constexpr std::size_t kThreads = 8;
constexpr const char* kLoopback = "127.0.0.1";

std::string event(const char* name, const std::string& data) {
  return fmt::format("event: {}\ndata: {}\n\n", name, data);
}

}  // namespace

struct WatchServer::Implementation {
  std::function<report::Json()> page;
  httplib::Server server;
  int port = 0;
  std::mutex mutex;
  std::condition_variable wake;
  std::uint64_t version = 1;
  bool ended = false;
  std::thread thread;

  void serve();
  bool send_next(std::uint64_t& sent, httplib::DataSink& sink);
};

void WatchServer::Implementation::serve() {
  server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server.set_write_timeout(kPatienceSeconds);
  // Not httplib's own choice, which lets two programs listen on one port.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  // A page of the web that has given its own name our address must not read ours.
  server.set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    const std::string host = request.get_header_value("Host");
    if (host == fmt::format("{}:{}", kLoopback, port) || host == fmt::format("localhost:{}", port))
      return httplib::Server::HandlerResponse::Unhandled;
    response.status = 403;
    return httplib::Server::HandlerResponse::Handled;
  });
  server.Get("/", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(report::html(page(), report::PageUse::live), "text/html; charset=utf-8");
  });
  server.Get("/events", [this](const httplib::Request&, httplib::Response& response) {
    auto sent = std::make_shared<std::uint64_t>(0);
    response.set_header("Cache-Control", "no-store");
    response.set_chunked_content_provider(
        "text/event-stream",
        [this, sent](std::size_t, httplib::DataSink& sink) { return send_next(*sent, sink); });
  });
}

// Waits for a newer version and sends it; now and then a line of comment, to see whether anybody is there.
bool WatchServer::Implementation::send_next(std::uint64_t& sent, httplib::DataSink& sink) {
  std::uint64_t now = 0;
  bool last = false;
  {
    std::unique_lock lock(mutex);
    // The first version goes at once, for the page is older than this request.
    if (sent > 0) wake.wait_for(lock, kBetweenVersions, [&] { return ended; });
    now = version;
    last = ended;
  }
  std::string text = ": still here\n\n";
  if (now != sent || last) text = event("page", report::json_line(page()));
  sent = now;
  if (!sink.write(text.data(), text.size())) return false;
  if (!last) return true;
  const std::string end = event("end", "{}");
  sink.write(end.data(), end.size());
  sink.done();
  return true;
}

WatchServer::WatchServer(int port, std::function<report::Json()> page)
    : implementation_(std::make_unique<Implementation>()) {
  Implementation& self = *implementation_;
  self.page = std::move(page);
  self.serve();
  self.port = port == 0                                   ? self.server.bind_to_any_port(kLoopback)
              : self.server.bind_to_port(kLoopback, port) ? port
                                                          : -1;
  if (self.port < 0) {
    throw Error(ErrorKind::io, port == 0 ? "--watch: no port is free; leave it out"
                                         : fmt::format("--watch: port {} cannot be had, most likely another "
                                                       "program uses it; give another, or none for any",
                                                       port));
  }
  self.thread = std::thread([&self] { self.server.listen_after_bind(); });
  // stop() does nothing to a server that has not come to run yet.
  while (!self.server.is_running()) std::this_thread::sleep_for(1ms);
}

WatchServer::~WatchServer() { finish(); }

std::string WatchServer::address() const {
  return fmt::format("http://{}:{}", kLoopback, implementation_->port);
}

void WatchServer::changed() {
  const std::lock_guard lock(implementation_->mutex);
  ++implementation_->version;
}

void WatchServer::finish() {
  Implementation& self = *implementation_;
  if (!self.thread.joinable()) return;
  {
    const std::lock_guard lock(self.mutex);
    self.ended = true;
  }
  self.wake.notify_all();
  self.server.stop();
  self.thread.join();
}

}  // namespace ztilde::cli
