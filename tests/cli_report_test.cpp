// train --report, ztilde report and train --watch, by the real program.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <regex>

#include "tests/cli_test_support.hpp"

namespace ztilde::cli_test {
namespace {

using testing::HasSubstr;
using testing::Not;

// The JSON that a page draws.
nlohmann::json content_of_page(const std::string& page) {
  const std::string start = "<script type=\"application/json\" id=\"content\">";
  const std::size_t from = page.find(start) + start.size();
  return parsed(page.substr(from, page.find("</script>", from) - from));
}

// A section by its id.
nlohmann::json section_of(const nlohmann::json& page, const std::string& id) {
  for (const auto& section : page["sections"]) {
    if (section["id"] == id) return section;
  }
  return {};
}

TEST(Report, of_the_log_is_the_page_that_training_wrote) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  folder.write("houses.csv", houses());
  for (const std::string name : {"flowers", "houses"}) {
    const Result run =
        ztilde(folder, quick_train(name + ".csv", {"--log", name + ".jsonl", "--report", name + ".page",
                                                   "--out", name + ".model", "--quiet"}));
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const Result made = ztilde(folder, {"report", name + ".jsonl"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    EXPECT_THAT(made.err, HasSubstr("is in " + name + ".html"));
    EXPECT_TRUE(folder.read(name + ".page") == folder.read(name + ".html"));
    EXPECT_LT(folder.read(name + ".page").size(), 1000000u);
    const auto page = content_of_page(folder.read(name + ".html"));
    for (const char* id : {"learning", "quality", "normalisation", "speed", "what", "again"})
      EXPECT_EQ(section_of(page, id)["id"], id) << name;
  }
}

TEST(Report, changes_nothing_about_the_model) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  ASSERT_EQ(ztilde(folder, quick_train("flowers.csv", {"--out", "plain", "--quiet"})).exit_code, 0);
  ASSERT_EQ(
      ztilde(folder, quick_train("flowers.csv", {"--out", "told", "--report", "r", "--quiet"})).exit_code, 0);
  EXPECT_TRUE(folder.read("plain") == folder.read("told"));
}

TEST(Report, says_the_command_in_a_form_that_a_shell_takes) {
  const TemporaryFolder folder;
  folder.write("my flowers.csv", flowers());
  ASSERT_EQ(ztilde(folder, quick_train("my flowers.csv", {"--report", "r.html", "--quiet"})).exit_code, 0);
  const auto page = content_of_page(folder.read("r.html"));
  EXPECT_EQ(section_of(page, "again")["blocks"][0]["text"],
            "ztilde train --data 'my flowers.csv' --hidden 16 --epochs 15 --batch 16 --lr 0.02 --threads 1 "
            "--report "
            "r.html --quiet");
}

TEST(Report, keeps_names_of_the_user_from_becoming_markup) {
  const TemporaryFolder folder;
  std::string table = flowers();
  table.replace(0, table.find(','), "</script><img src=x onerror=alert(1)>");
  folder.write("flowers.csv", table);
  ASSERT_EQ(ztilde(folder, quick_train("flowers.csv", {"--report", "r.html", "--quiet"})).exit_code, 0);
  const std::string page = folder.read("r.html");
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  const auto what = section_of(content_of_page(page), "what");
  EXPECT_THAT(what.dump(), HasSubstr("</script><img src=x onerror=alert(1)>"));
}

TEST(Report, is_written_when_training_diverges_and_says_so) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const Result run = ztilde(folder, {"train", "--data", "flowers.csv", "--norm", "none", "--optimizer", "sgd",
                                     "--lr", "1e35", "--quiet", "--report", "r.html", "--log", "log"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(lines_of(run.err).size(), 1u);
  EXPECT_EQ(folder.files(), 3u);  // rows, report, log
  const auto page = content_of_page(folder.read("r.html"));
  EXPECT_THAT(section_of(page, "learning")["lead"], HasSubstr("Training diverged, and there is no model"));
  ASSERT_EQ(ztilde(folder, {"report", "log", "--out", "l.html"}).exit_code, 0);
  EXPECT_TRUE(folder.read("r.html") == folder.read("l.html"));
}

TEST(Report, is_written_when_training_is_interrupted_and_says_so) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    for (int i = 0; i < 1000 && folder.read("log").empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(process, SIGINT);
  };
  const Result run = ztilde(folder,
                            {"train", "--data", "flowers.csv", "--hidden", "8", "--epochs", "100000000",
                             "--log", "log", "--threads", "1", "--report", "r.html"},
                            setting);
  EXPECT_EQ(run.exit_code, 130);
  EXPECT_THAT(section_of(content_of_page(folder.read("r.html")), "learning")["lead"],
              HasSubstr("was interrupted"));
}

TEST(Report, of_a_resumed_run_has_all_of_its_log) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  std::vector<std::string> arguments = {"train", "--data",       "flowers.csv", "--hidden",
                                        "8",     "--epochs",     "4",           "--log",
                                        "log",   "--checkpoint", "run.ckpt",    "--quiet"};
  ASSERT_EQ(ztilde(folder, arguments).exit_code, 0);
  const std::size_t lines = lines_of(folder.read("log")).size();
  for (const char* more : {"--resume", "--report", "r.html"}) arguments.push_back(more);
  ASSERT_EQ(ztilde(folder, arguments).exit_code, 0);
  EXPECT_EQ(lines_of(folder.read("log")).size(), lines);
  ASSERT_EQ(ztilde(folder, {"report", "log"}).exit_code, 0);
  EXPECT_TRUE(folder.read("log.html") == folder.read("r.html"));
}

TEST(Report, can_be_asked_for_in_a_configuration_file) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  folder.write("run.toml", "report = \"r.html\"\nwatch = free\nepochs = 2\n");
  const Result run = ztilde(folder, {"train", "--data", "flowers.csv", "--config", "run.toml"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("watch      http://127.0.0.1:"));
  EXPECT_THAT(run.err, HasSubstr("writes     model.ztilde, r.html"));
  EXPECT_THAT(folder.read("r.html"), HasSubstr("<!doctype html>"));
}

// A socket on the loopback address.
class Socket {
 public:
  Socket() : descriptor_(::socket(AF_INET, SOCK_STREAM, 0)) {
    // A run that does not answer fails the test in seconds, and does not hang it.
    const timeval limit{20, 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(descriptor_); }

  // Takes a free port and listens there; returns it.
  int listen() {
    sockaddr_in place = at(0);
    socklen_t size = sizeof place;
    ::bind(descriptor_, reinterpret_cast<sockaddr*>(&place), size);
    ::listen(descriptor_, 1);
    ::getsockname(descriptor_, reinterpret_cast<sockaddr*>(&place), &size);
    return ntohs(place.sin_port);
  }
  bool connect(int port) {
    const sockaddr_in place = at(port);
    return ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&place), sizeof place) == 0;
  }
  void send(const std::string& text) {
    ASSERT_EQ(::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What comes until these words do, or nothing more.
  std::string read_until(const std::string& words) {
    std::string text;
    char buffer[4096];
    while (text.find(words) == text.npos) {
      const ssize_t count = ::recv(descriptor_, buffer, sizeof buffer, 0);
      if (count <= 0) break;
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  static sockaddr_in at(int port) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(static_cast<std::uint16_t>(port));
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return place;
  }
  int descriptor_;
};

int free_port() { return Socket().listen(); }

std::string request(const std::string& what, const std::string& host) {
  return "GET " + what + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
}

TEST(Watch, shows_the_page_and_its_changes_and_ends_with_the_run) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  const int port = free_port();
  const std::string host = "127.0.0.1:" + std::to_string(port);
  std::string page, elsewhere, first, rest;
  Setting setting;
  setting.meanwhile = [&](pid_t process) {
    Socket events;
    for (int i = 0; i < 1000 && !events.connect(port); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    events.send(request("/events", host));
    first = events.read_until("\n\n");
    first += events.read_until("\n\n");
    {
      Socket browser;
      browser.connect(port);
      browser.send(request("/", host));
      page = browser.read_until("</html>");
    }
    {
      Socket stranger;
      stranger.connect(port);
      stranger.send(request("/", "example.org"));
      elsewhere = stranger.read_until("\r\n\r\n");
    }
    {
      Socket gone;  // that goes away in the middle
      gone.connect(port);
      gone.send(request("/events", host));
    }
    for (int i = 0; i < 1000 && folder.read("log").empty(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(process, SIGINT);
    rest = events.read_until("event: end");
  };
  const Result run = ztilde(folder,
                            {"train", "--data", "flowers.csv", "--hidden", "8", "--epochs", "100000000",
                             "--log", "log", "--threads", "1", "--watch", std::to_string(port)},
                            setting);
  EXPECT_EQ(run.exit_code, 130) << run.err;
  EXPECT_THAT(run.err, HasSubstr("watch      http://" + host + "\n"));
  EXPECT_THAT(first, HasSubstr("event: page"));
  EXPECT_THAT(page, HasSubstr("data-use=\"live\""));
  EXPECT_THAT(page, HasSubstr("Training is going on"));
  EXPECT_THAT(elsewhere, HasSubstr(" 403 "));
  EXPECT_THAT(rest, HasSubstr("Training was interrupted")) << "the last version comes before the end";
  EXPECT_THAT(rest, HasSubstr("event: end"));
}

TEST(Watch, refuses_a_port_that_is_in_use_before_anything_is_done) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  Socket other;
  const std::string port = std::to_string(other.listen());
  const Result run = ztilde(folder, quick_train("flowers.csv", {"--watch", port}));
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_EQ(run.err,
            "error: --watch: port " + port +
                " cannot be had, most likely another program uses it; give another, or none for any\n");
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Watch, takes_any_free_port_when_none_is_given) {
  const TemporaryFolder folder;
  folder.write("flowers.csv", flowers());
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--watch", "--epochs", "2"},
                                               {"--epochs", "2", "--watch"},
                                               {"--epochs=2", "--watch=0"}}) {
    std::vector<std::string> arguments = {"train", "--data", "flowers.csv", "--hidden", "8", "--force"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result run = ztilde(folder, arguments);
    EXPECT_EQ(run.exit_code, 0) << run.err;
    EXPECT_TRUE(std::regex_search(run.err, std::regex("watch      http://127\\.0\\.0\\.1:[1-9][0-9]*\n")))
        << run.err;
  }
}

}  // namespace
}  // namespace ztilde::cli_test
