// ztilde doctor: what it says, in words, as JSON and as a page, writes, refuses, and how it ends.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

#include "model/safetensors.hpp"
#include "tests/cli_test_support.hpp"
#include "ztilde/model.hpp"

namespace ztilde::cli_test {
namespace {

std::string without_target(const std::string& csv) {
  std::string text;
  for (const std::string& line : lines_of(csv))
    text += line.substr(0, line.find(',', line.find(',') + 1)) + "\n";
  return text;
}

StatisticSlot norm_slot(const Model& model) { return statistic_slots(model.network)[1]; }

// A file as another tool leaves it: numbers changed, and nothing else.
void change_tensor(const TemporaryFolder& folder, const std::string& from, const std::string& to,
                   const std::string& tensor, double number) {
  std::string content = folder.read(from);
  for (const safetensors::Tensor& each : safetensors::read(content, from).tensors) {
    if (each.name != tensor) continue;
    const auto at = static_cast<std::size_t>(each.bytes.data() - content.data());
    std::memcpy(content.data() + at, &number, sizeof(number));
    break;
  }
  folder.write(to, content);
}

const TemporaryFolder& models() {
  static const TemporaryFolder folder;
  static const bool made = [] {
    folder.write("flowers.csv", flowers());
    folder.write("bare.csv", without_target(flowers()));
    folder.write("houses.csv", houses());
    folder.write("notes.txt", "no model");
    if (ztilde(folder, quick_train("flowers.csv", {"--quiet", "--out", "sound"})).exit_code != 0)
      return false;
    if (ztilde(folder, quick_train("houses.csv", {"--quiet", "--out", "prices"})).exit_code != 0)
      return false;
    const std::vector<std::string> bare = {"--quiet", "--out", "none", "--norm", "none"};
    if (ztilde(folder, quick_train("flowers.csv", bare)).exit_code != 0) return false;
    Model stale = load(folder / "sound");
    const StatisticSlot slot = norm_slot(stale);
    for (std::size_t c = 0; c < slot.channels; ++c) {
      double& variance = stale.statistics[slot.offset + slot.channels + c];
      stale.statistics[slot.offset + c] += (c % 2 == 0 ? 1.5 : -0.7) * std::sqrt(variance);
      variance *= c % 3 == 0 ? 4 : 0.6;
    }
    stale.test_outputs = outputs(stale, stale.test_inputs, 1);
    save(stale, folder / "stale");
    change_tensor(folder, "sound", "nan", "2.running_mean", NAN);
    change_tensor(folder, "sound", "changed", "2.running_var", 400.0);
    return true;
  }();
  EXPECT_TRUE(made);
  return folder;
}

Result doctor(const std::string& model, const std::vector<std::string>& more = {},
              const std::string& data = "flowers.csv") {
  std::vector<std::string> arguments = {"doctor", model, "--data", data, "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ztilde(models(), arguments);
}

std::size_t columns_of_text(const std::string& line) {
  std::size_t columns = 0;
  for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return columns;
}

double loss_of(const std::string& model) {
  return parsed(ztilde(models(), {"evaluate", model, "--data", "flowers.csv", "--json"}).out)["loss"];
}

TEST(CliDoctor, finds_nothing_in_a_sound_model_and_says_what_it_measured) {
  for (const auto& [model, data] :
       {std::pair{"sound", "flowers.csv"}, {"sound", "bare.csv"}, {"prices", "houses.csv"}}) {
    const Result run = doctor(model, {"--check"}, data);
    EXPECT_EQ(run.exit_code, 0) << run.out;
    EXPECT_EQ(run.err, "");
    EXPECT_NE(run.out.find("found      nothing"), std::string::npos) << run.out;
  }
}

TEST(CliDoctor, names_the_layer_the_cause_and_a_command_that_mends_it) {
  const Result run = doctor("stale", {"--json", "--check"});
  EXPECT_EQ(run.exit_code, 4);
  const auto object = parsed(run.out);
  ASSERT_EQ(object["findings"].size(), 1u) << run.out;
  const auto& finding = object["findings"][0];
  EXPECT_EQ(finding["cause"], "old_statistics");
  EXPECT_EQ(finding["layers"][0], 2);
  EXPECT_EQ(finding["command"], "ztilde recalibrate stale --data flowers.csv --out stale.recalibrated");
  EXPECT_NEAR(object["loss_stored"].get<double>(), loss_of("stale"), 1e-6);  // summed in float there
  const double step = finding["loss_step"]["value"];
  EXPECT_NEAR(object["loss_stored"].get<double>() - step, object["loss_repaired"].get<double>(), 1e-9);
  EXPECT_EQ(doctor("stale").exit_code, 0);

  ASSERT_EQ(ztilde(models(), {"recalibrate", "stale", "--data", "flowers.csv", "--out", "stale.recalibrated"})
                .exit_code,
            0);
  EXPECT_EQ(doctor("stale.recalibrated", {"--check"}).exit_code, 0);
}

TEST(CliDoctor, fits_eighty_columns_but_for_commands) {
  const Result run = doctor("stale");
  EXPECT_NE(run.out.find("1.  layer 2 (batch norm): statistics that are too old"), std::string::npos)
      << run.out;
  for (const std::string& line : lines_of(run.out)) {
    if (line.starts_with("        ztilde ")) continue;
    EXPECT_LE(columns_of_text(line), 80u) << line;
  }
}

TEST(CliDoctor, reads_files_that_others_refuse_and_repairs_them) {
  for (const auto& [model, cause] : {std::pair{"nan", "not_finite"}, {"changed", "old_statistics"}}) {
    EXPECT_EQ(ztilde(models(), {"evaluate", model, "--data", "flowers.csv"}).exit_code, 2);
    const std::string out = std::string(model) + ".repaired";
    const Result run = doctor(model, {"--json", "--out", out, "--force"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const auto object = parsed(run.out);
    EXPECT_TRUE(object["refusal"].get<std::string>().starts_with(std::string(model) + ": "));
    EXPECT_EQ(object["written"], out);
    ASSERT_FALSE(object["findings"].empty());
    EXPECT_EQ(object["findings"][0]["cause"], cause) << run.out;
    EXPECT_EQ(object["findings"][0]["layers"][0], 2);
    EXPECT_EQ(object["findings"][0]["channels"][0], 0);
    EXPECT_NEAR(loss_of(out), loss_of("sound"), 0.002);  // what a finding must be above
    EXPECT_EQ(doctor(out, {"--check"}).exit_code, 0);
  }
  const auto changed = parsed(doctor("changed", {"--json"}).out)["findings"];
  EXPECT_EQ(changed.back()["cause"], "example_rows");
}

TEST(CliDoctor, writes_no_model_where_nothing_can_be_repaired) {
  const Result run = doctor("sound", {"--out", "unneeded"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_EQ(run.err,
            "warning: unneeded is not written: nothing was found that can be repaired without training\n");
  EXPECT_FALSE(std::filesystem::exists(models() / "unneeded"));
}

TEST(CliDoctor, shows_the_same_on_a_page) {
  ASSERT_EQ(doctor("stale", {"--report", "stale.html"}).exit_code, 0);
  const std::string page = models().read("stale.html");
  EXPECT_NE(page.find("ztilde recalibrate stale --data flowers.csv --out stale.recalibrated"),
            std::string::npos);
  EXPECT_NE(page.find("statistics that are too old"), std::string::npos);
  EXPECT_EQ(doctor("stale", {"--report", "stale.html"}).exit_code, 2);  // there is one already
}

TEST(CliDoctor, looks_at_as_many_rows_as_it_is_told) {
  const auto object = parsed(doctor("sound", {"--rows", "100", "--batch", "8", "--json"}).out);
  EXPECT_EQ(object["rows"], 100);
  EXPECT_EQ(object["batch"], 8);
  const auto all = parsed(doctor("sound", {"--rows", "0", "--json"}).out);
  EXPECT_EQ(all["rows"], 240);
  EXPECT_EQ(all["batch_known"], true);
  // 216 training rows, 15 epochs: 13 or 14 batches of nearly 16.
  EXPECT_NEAR(all["batch"].get<double>(), 16, 1);
}

TEST(CliDoctor, refuses_in_one_line) {
  struct Refusal {
    std::vector<std::string> arguments;
    std::string line;
  };
  const Refusal refusals[] = {
      {{"doctor", "sound"}, "--data: missing; name a table, an IDX image file or a folder of images"},
      {{"doctor", "none", "--data", "flowers.csv"},
       "none: has no batch norm, so there are no statistics to look at"},
      {{"doctor", "notes.txt", "--data", "flowers.csv"},
       "notes.txt: not a ztilde model (it begins like a text file); make one with 'ztilde train'"},
      {{"doctor", "sound", "--data", "flowers.csv", "--batch", "1"},
       "--batch: 1 row has no variance; give 2 or more, or 0"},
      {{"doctor", "sound", "--data", "flowers.csv", "--report", "flowers.csv", "--force"},
       "--report: flowers.csv is also the file of --data; choose another name"},
      {{"doctor", "sound", "--data", "flowers.csv", "--out", "sound", "--force"},
       "--out: sound is also the file of MODEL; choose another name"},
  };
  for (const Refusal& refusal : refusals) {
    const Result run = ztilde(models(), refusal.arguments);
    EXPECT_EQ(run.exit_code, 2);
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(run.err, "error: " + refusal.line + "\n");
  }
}

}  // namespace
}  // namespace ztilde::cli_test
