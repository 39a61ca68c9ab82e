// What two models mean by their numbers, and how they came about.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/text.hpp"
#include "layers/layer.hpp"
#include "model/compare_parts.hpp"

namespace ztilde {
namespace {

constexpr std::size_t kNameBytes = 60;

std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(std::size_t value) { return std::to_string(value); }
std::string text_of(double value) { return fmt::format("{}", value); }
template <class Enum>
requires std::is_enum_v<Enum> std::string text_of(Enum value) { return std::string(layers::name_of(value)); }
std::string text_of(const std::vector<EncodedColumn>& columns) {
  return counted(columns.size(), "encoded column");
}

using Fields = std::vector<std::pair<std::string, std::string>>;  // name, value

Fields fields_of(const Layer& layer) {
  Fields fields;
  std::visit(
      [&](const auto& kind) {
        layers::for_each_field(kind, [&](std::string_view name, const auto& field, const layers::Limits&) {
          fields.emplace_back(name, text_of(field));
        });
      },
      layer);
  return fields;
}

std::string rounded(double number) { return fmt::format("{}", std::round(number * 1e12) / 1e12); }

std::string meaning_of(const std::string& field, const Layer& a, const Layer& b) {
  const auto *norm_a = std::get_if<BatchNorm>(&a), *norm_b = std::get_if<BatchNorm>(&b);
  if (field == "epsilon") return "inv_std = 1 / sqrt(variance + epsilon), in use too";
  if (field == "keep" && norm_a && norm_b) {
    return fmt::format("of the running statistics while training: PyTorch's momentum is 1 - keep, {} and {}",
                       rounded(1 - norm_a->keep), rounded(1 - norm_b->keep));
  }
  if (field == "running_variance")
    return "running statistics divide by rows (population) or by rows - 1 (unbiased, PyTorch's)";
  if (field == "kind") return "another activation: the same numbers answer otherwise";
  if (field == "probability") return "of training alone: in use nothing is dropped";
  if (field == "bias") return "only one of them has a bias to compare";
  return "";
}

class Conventions {
 public:
  Conventions(const Model& a, const Model& b) : a_(a), b_(b) {}

  std::vector<ConventionDifference> run(const Aligned& aligned) {
    compare_task();
    compare_inputs();
    if (aligned.how == Alignment::same || aligned.how == Alignment::front) {
      for (const LayerPair& pair : aligned.pairs) compare_layers(pair);
    }
    add("statistics", a_.statistics_source == StatisticsSource::population ? "population" : "running",
        b_.statistics_source == StatisticsSource::population ? "population" : "running",
        "population: of all training rows with the final weights; running: averages over the batches");
    compare_record();
    return std::move(found_);
  }

 private:
  template <class T>
  void add(const std::string& what, const T& a, const T& b, const std::string& meaning = "",
           std::optional<std::size_t> layer = {}) {
    if (a != b) found_.push_back({what, layer, text_of(a), text_of(b), meaning, record_});
  }
  void add(const std::string& what, const char* a, const char* b, const std::string& meaning = "") {
    add(what, std::string(a), std::string(b), meaning);
  }

  void compare_task() {
    add("task", a_.task == Task::classify ? "classify" : "regress",
        b_.task == Task::classify ? "classify" : "regress");
    add("target", a_.target_name, b_.target_name);
    if (a_.classes.size() != b_.classes.size()) {
      add("classes", a_.classes.size(), b_.classes.size());
      return;
    }
    std::vector<std::string> a = a_.classes, b = b_.classes;
    std::ranges::sort(a);
    std::ranges::sort(b);
    const std::string meaning = a == b ? "the same classes in another order" : "";
    for (std::size_t c = 0; c < a.size(); ++c)
      add(fmt::format("class {}", c), a_.classes[c], b_.classes[c], meaning);
  }

  void compare_inputs() {
    add("inputs", a_.network.inputs, b_.network.inputs);
    if (a_.column_names.empty() != b_.column_names.empty()) {
      add("columns", a_.column_names.empty() ? "without names" : "named",
          b_.column_names.empty() ? "without names" : "named");
    } else {
      compare_columns();
    }
    const auto size = [](const Model& model) {
      if (model.image_width == 0) return std::string("of none");
      const std::size_t pixels = model.image_width * model.image_height;
      return fmt::format("{} x {} of {}", model.image_width, model.image_height,
                         counted(model.network.inputs / pixels, "channel"));
    };
    if (a_.image_width > 0 || b_.image_width > 0) add("images", size(a_), size(b_));
    add("images resized", a_.images_resized, b_.images_resized);
    add("weight column", a_.rules.weight_name, b_.rules.weight_name);
    const auto list = [](const std::vector<std::string>& texts) {
      std::string text;
      for (const std::string& one : texts) text += (text.empty() ? "" : ", ") + printable(one, kNameBytes);
      return text;
    };
    add("ignored columns", list(a_.rules.ignored), list(b_.rules.ignored));
    const auto use = [](MissingUse missing) {
      return missing == MissingUse::refuse ? "refused"
             : missing == MissingUse::mean ? "mean"
                                           : "mean and indicator";
    };
    add("missing numbers", use(a_.rules.missing), use(b_.rules.missing));
    add("words for missing", list(a_.rules.missing_words), list(b_.rules.missing_words));
  }

  void compare_columns() {
    const std::vector<std::string>&a = a_.column_names, &b = b_.column_names;
    for (std::size_t c = 0; c < std::max(a.size(), b.size()); ++c) {
      const bool moved = c < a.size() && c < b.size() && std::ranges::find(b, a[c]) != b.end();
      add(fmt::format("column {}", c), c < a.size() ? a[c] : "", c < b.size() ? b[c] : "",
          moved ? "the columns in another order" : "");
      if (c < a.size() && c < b.size() && a[c] == b[c]) compare_categories(c);
    }
  }

  static std::string category_words(const Model& model, std::size_t column) {
    if (model.column_info.empty() || model.column_info[column].kind == ColumnKind::numeric) return "numeric";
    return counted(model.column_info[column].categories.size(), "category");
  }

  void compare_categories(std::size_t c) {
    const std::string of = fmt::format("column '{}'", printable(a_.column_names[c]));
    const std::string a = category_words(a_, c), b = category_words(b_, c);
    add(of, a, b);
    if (a != b || a == "numeric") return;
    for (std::size_t k = 0; k < a_.column_info[c].categories.size(); ++k)
      add(fmt::format("{}, category {}", of, k), a_.column_info[c].categories[k],
          b_.column_info[c].categories[k]);
  }

  void compare_layers(const LayerPair& pair) {
    const Layer &a = a_.network.layers[pair.a], &b = b_.network.layers[pair.b];
    const Fields a_fields = fields_of(a), b_fields = fields_of(b);
    for (std::size_t f = 0; f < a_fields.size(); ++f) {
      add(a_fields[f].first, a_fields[f].second, b_fields[f].second, meaning_of(a_fields[f].first, a, b),
          pair.a);
    }
    const auto *a_encode = std::get_if<Encode>(&a), *b_encode = std::get_if<Encode>(&b);
    if (!a_encode || !b_encode || a_encode->columns.size() != b_encode->columns.size()) return;
    for (std::size_t c = 0; c < a_encode->columns.size(); ++c) {
      Fields of_a, of_b;
      const auto list = [](const EncodedColumn& column, Fields& fields) {
        layers::for_each_field(column, [&](std::string_view name, const auto& field, const layers::Limits&) {
          fields.emplace_back(name, text_of(field));
        });
      };
      list(a_encode->columns[c], of_a);
      list(b_encode->columns[c], of_b);
      for (std::size_t f = 0; f < of_a.size(); ++f)
        add(fmt::format("{} of column {}", of_a[f].first, c), of_a[f].second, of_b[f].second, "", pair.a);
    }
  }

  void compare_training(const TrainingRecord& a, const TrainingRecord& b) {
    add("training: rows", a.rows, b.rows);
    add("training: epochs", a.epochs, b.epochs);
    add("training: steps", a.steps, b.steps);
    add("training: seed", a.seed, b.seed);
    add_loss("training: loss", a.train_loss, b.train_loss);
    add_loss("training: validation loss", a.valid_loss, b.valid_loss);
    const std::map<std::string, std::string> a_options(a.options.begin(), a.options.end());
    const std::map<std::string, std::string> b_options(b.options.begin(), b.options.end());
    std::map<std::string, bool> names;
    for (const auto& [name, value] : a_options) names[name] = true;
    for (const auto& [name, value] : b_options) names[name] = true;
    const auto value_of = [](const auto& options, const std::string& name) {
      const auto found = options.find(name);
      return found == options.end() ? std::string("not given") : found->second;
    };
    for (const auto& [name, there] : names) {
      if (name == "seed") continue;  // told above
      add("option --" + printable(name), value_of(a_options, name), value_of(b_options, name));
    }
  }

  void compare_record() {
    record_ = true;
    const TrainingRecord &a = a_.training, &b = b_.training;
    const auto was_trained = [](const TrainingRecord& record) {
      return std::string(record.steps > 0 ? "there" : "none");
    };
    add("record of training", was_trained(a), was_trained(b));
    if (was_trained(a) == was_trained(b)) compare_training(a, b);
    add("rows measured anew", a.recalibrated_rows, b.recalibrated_rows);
    add("certificate of folding", a_.fold_certificate.has_value(), b_.fold_certificate.has_value());
    if (a_.fold_certificate && b_.fold_certificate && a_.fold_certificate != b_.fold_certificate)
      add("certificate of folding", "one", "another");
    if (a_.statistic_batches.size() == b_.statistic_batches.size() &&
        a_.statistic_batches != b_.statistic_batches) {
      add("batches behind the statistics", "some", "others");
    }
    const auto same = [](const std::vector<float>& one, const std::vector<float>& other) {
      return one.size() == other.size() &&
             (one.empty() || std::memcmp(one.data(), other.data(), one.size() * sizeof(float)) == 0);
    };
    if (!same(a_.test_inputs, b_.test_inputs)) add("test rows", "some", "others");
    if (same(a_.test_inputs, b_.test_inputs) && !same(a_.test_outputs, b_.test_outputs))
      add("outputs of the test rows", "some", "others");
  }

  // NaN is that there is none. Short where that shows the difference.
  void add_loss(const std::string& what, double a, double b) {
    const auto text = [&](double loss) {
      const bool is_enough = shown(a) != shown(b);
      return std::isnan(loss) ? std::string("none") : is_enough ? shown(loss) : text_of(loss);
    };
    if (!(std::isnan(a) && std::isnan(b))) add(what, text(a), text(b));
  }
  void add(const std::string& what, const std::string& a, const std::string& b,
           const std::string& meaning = "", std::optional<std::size_t> layer = {}) {
    if (a != b)
      found_.push_back({what, layer, printable(a, kNameBytes), printable(b, kNameBytes), meaning, record_});
  }

  const Model &a_, &b_;
  bool record_ = false;
  std::vector<ConventionDifference> found_;
};

}  // namespace

std::vector<ConventionDifference> compare_conventions(const Model& a, const Model& b,
                                                      const Aligned& aligned) {
  return Conventions(a, b).run(aligned);
}

}  // namespace ztilde
