#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.hpp"
#include "exchange/c_layers.hpp"
#include "exchange/c_preprocessing.hpp"
#include "exchange/c_test_main.hpp"
#include "exchange/c_text.hpp"
#include "model/model_check.hpp"
#include "ztilde/error.hpp"
#include "ztilde/export_c.hpp"

namespace ztilde {
namespace {

using c_text::in_comment;

constexpr std::size_t kMostShown = 12;  // names in a comment

// What the parts of both files ask of a model.
struct Facts {
  explicit Facts(const Model& whole)
      : model(whole),
        outputs(layer_outputs(whole.network).back()),
        classifies(whole.task == Task::classify) {}
  const Model& model;
  std::size_t outputs;
  bool classifies;
  std::size_t scratch = 0;  // of $_outputs, before what $_predict keeps behind it
  std::string upper;        // what macros begin with

  // Numbers that $_predict keeps.
  std::size_t answers() const { return std::max(outputs, model.classes.size()); }
};

std::string names_in_comment(const std::vector<std::string>& names, const char* what) {
  std::string all;
  for (std::size_t i = 0; i < std::min(names.size(), kMostShown); ++i)
    all += fmt::format("     {} '{}'\n", i, in_comment(names[i]));
  if (names.size() > kMostShown)
    all += fmt::format("     and {} more, in {}\n", with_commas(names.size() - kMostShown), what);
  return all;
}

std::string row_words(const Facts& facts) {
  const Model& model = facts.model;
  const std::size_t inputs = model.network.inputs;
  Shape image = model.network.input_shape();
  if (image.pixels() == 1 && model.image_width > 0)
    image = {model.image_height, model.image_width, inputs / (model.image_height * model.image_width)};
  if (image.pixels() > 1) {
    return fmt::format(
        "   A row is an image of {} x {} pixels (height, width) of {}, channels last: element\n"
        "   (y * {} + x) * {} + channel, numbers as the images have them (0 to 255).\n",
        image.height, image.width, counted(image.channels, "channel"), image.width, image.channels);
  }
  std::string words = fmt::format("   A row is {}", counted(inputs, "number"));
  if (model.column_names.empty()) return words + ", as the model was trained on them.\n";
  words += ", by column:\n" + names_in_comment(model.column_names, "$_column_names");
  if (c_export::has_categories(model))
    words += "   A category is its index, which $_category has by its text.\n";
  return words + "   A missing value is NAN of <math.h>; where training had none, the outputs are NaN too.\n";
}

std::string answer_words(const Facts& facts) {
  const Model& model = facts.model;
  const std::string target =
      model.target_name.empty() ? "" : fmt::format(" of '{}'", in_comment(model.target_name));
  if (!facts.classifies) return fmt::format("   It predicts a number{}.\n", target);
  return fmt::format("   It tells {}{} apart:\n", counted(model.classes.size(), "class"), target) +
         names_in_comment(model.classes, "$_class_names");
}

std::string source_comment(const Facts& facts, const std::string& header) {
  return fmt::format(
      "/* A neural network as C99, made by ztilde {}: {}, {}.\n"
      "   It needs the C standard library and allocates nothing.\n\n{}\n{}\n"
      "   Compile    cc -std=c99 -O3 -c FILE.c              and link with -lm; -O3 makes vector code\n"
      "   Self-test  cc -std=c99 -O3 -D{}_SELF_TEST FILE.c -lm -o self-test && ./self-test\n"
      "   How to call it is in '{}'. */\n",
      ZTILDE_VERSION, counted(facts.model.network.layers.size(), "layer"),
      counted(parameter_count(facts.model.network), "parameter"), answer_words(facts), row_words(facts),
      facts.upper, in_comment(header));
}

std::string header_text(const Facts& facts) {
  const Model& model = facts.model;
  const auto define = [&](const char* what, std::size_t number, const char* comment) {
    return fmt::format("#define {}_{} {} /* {} */\n", facts.upper, what, number, comment);
  };
  std::string text = fmt::format(
      "/* A neural network of ztilde. What it is and how to compile it stands in the source file.\n\n{0}{1}"
      "   All functions may be called by many threads at once, each with a scratch of its own. What a call\n"
      "   reads and what it writes must not overlap. */\n"
      "#ifndef {2}_H\n#define {2}_H\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n",
      answer_words(facts), row_words(facts), facts.upper);
  text += define("INPUTS", model.network.inputs, "numbers of a row");
  text += define("OUTPUTS", facts.outputs, "raw outputs");
  if (facts.classifies) text += define("CLASSES", model.classes.size(), "classes");
  text += define("SCRATCH", facts.scratch + facts.answers(), "floats of working memory");
  text += '\n';
  if (facts.classifies)
    text += fmt::format("extern const char *const $_class_names[{}_CLASSES];\n", facts.upper);
  if (!model.column_names.empty())
    text += fmt::format("extern const char *const $_column_names[{}_INPUTS];\n", facts.upper);
  if (c_export::has_categories(model)) {
    text +=
        "\n/* The index of a category of a column, counted from 0, by its text without spaces around it; one "
        "more\n"
        "   than the last for a text that training did not have; -1 for a column that has no categories. */\n"
        "int $_category(int column, const char *text);\n";
  }
  text += fmt::format(
      "\n/* The raw outputs of the last layer.\n"
      "     row [{0}_INPUTS];  outputs [{0}_OUTPUTS];  scratch [{0}_SCRATCH] */\n"
      "void $_outputs(const float *row, float *outputs, float *scratch);\n",
      facts.upper);
  text += facts.classifies
              ? fmt::format(
                    "\n/* The index of the likeliest class; probabilities [{}_CLASSES], or NULL. */\n"
                    "int $_predict(const float *row, float *probabilities, float *scratch);\n",
                    facts.upper)
              : "\n/* The value that is predicted. */\n"
                "float $_predict(const float *row, float *scratch);\n";
  return text + "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

std::string names(const char* what, const char* count, const std::vector<std::string>& texts,
                  const Facts& facts) {
  std::vector<std::string> literals;
  for (const std::string& text : texts) literals.push_back(c_text::literal(text));
  return '\n' +
         c_text::array(fmt::format("const char *const $_{}[{}_{}]", what, facts.upper, count), literals);
}

// Two classes may share one output: the second's logit.
std::string predict_source(const Facts& facts) {
  if (!facts.classifies) {
    return fmt::format(
        "\nfloat $_predict(const float *row, float *scratch) {{\n"
        "  float *const value = scratch + {};\n"
        "  $_outputs(row, value, scratch);\n"
        "  return value[0];\n}}\n",
        facts.scratch);
  }
  const bool logistic = facts.outputs == 1;
  std::string to_probabilities = fmt::format("  $_softmax(p, {}_OUTPUTS);\n", facts.upper);
  if (logistic) {
    to_probabilities = facts.model.classes.size() == 1
                           ? "  p[0] = 1.0f - $_logistic(p[0]);\n"
                           : "  p[1] = $_logistic(p[0]);\n  p[0] = 1.0f - p[1];\n";
  }
  return fmt::format(
      "\nint $_predict(const float *row, float *probabilities, float *scratch) {{\n"
      "  float *const p = scratch + {0};\n"
      "  size_t c, likeliest = 0;\n"
      "  $_outputs(row, p, scratch);\n{1}"
      "  for (c = 0; c < {2}_CLASSES; ++c) {{\n"
      "    if (p[c] > p[likeliest]) likeliest = c;\n"
      "    if (probabilities) probabilities[c] = p[c];\n"
      "  }}\n"
      "  return (int)likeliest;\n}}\n",
      facts.scratch, to_probabilities, facts.upper);
}

void require_includable(const std::string& header) {
  const bool plain = std::ranges::all_of(
      header, [](char c) { return c != '"' && c != '\\' && static_cast<unsigned char>(c) >= ' '; });
  if (plain && !header.empty() && header.find("??") == header.npos) return;
  throw Error(ErrorKind::data,
              fmt::format("the header '{}' cannot be included by that name; leave quotes, backslashes and "
                          "control characters out of it",
                          printable(header)));
}

}  // namespace

CSource c_source(const Model& model, const CSourceOptions& options) {
  c_text::require_name("the name of the C source", options.name);
  require_includable(options.header);
  model_file::check_model(model);

  c_export::LayerSource layers = c_export::layer_source_of(model);
  Facts facts(model);
  facts.scratch = layers.scratch;
  facts.upper = c_text::upper(options.name);
  if (facts.classifies) layers.functions.insert(facts.outputs == 1 ? "logistic" : "softmax");

  std::string code = "\n#include <math.h>\n#include <stddef.h>\n";
  if (c_export::has_categories(model)) code += "#include <string.h>\n";
  if (facts.classifies) code += names("class_names", "CLASSES", model.classes, facts);
  if (!model.column_names.empty()) code += names("column_names", "INPUTS", model.column_names, facts);
  if (c_export::has_categories(model)) code += c_export::category_source(model);
  code += '\n' + layers.arrays + c_export::definitions(layers.functions);
  if (layers.encodes) code += c_export::encode_source(model);
  const bool uses_scratch = layers.calls.find("scratch") != layers.calls.npos;
  code += "\nvoid $_outputs(const float *row, float *outputs, float *scratch) {\n" + layers.calls +
          (uses_scratch ? "" : "  (void)scratch;\n") + "}\n";
  code += predict_source(facts) + c_export::self_test_source(model, facts.upper);

  const auto named = [&](const std::string& text) { return c_text::with_name(text, options.name); };
  return {named(source_comment(facts, options.header)) + fmt::format("#include \"{}\"\n", options.header) +
              named(code),
          named(header_text(facts)), facts.scratch + facts.answers()};
}

}  // namespace ztilde
