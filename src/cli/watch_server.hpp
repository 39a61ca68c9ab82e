// Shows a page that changes to browsers on this machine, and to nobody else: it listens on the loopback
// address alone. Browsers get the page and, at most once a second, its newer versions.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "report/page.hpp"

namespace ztilde::cli {

class WatchServer {
 public:
  // port 0: any that is free. page is called by threads of the server. Throws Error(io) for a port that
  // cannot be had.
  WatchServer(int port, std::function<report::Json()> page);
  WatchServer(const WatchServer&) = delete;
  WatchServer& operator=(const WatchServer&) = delete;
  ~WatchServer();

  std::string address() const;  // "http://127.0.0.1:PORT"
  // There is a newer version of the page. Waits for nobody.
  void changed();
  // Sends the last version to whoever is there, and ends. Waits a few seconds at most.
  void finish();

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace ztilde::cli
