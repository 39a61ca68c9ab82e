#include "exchange/module_matching.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <variant>

#include "base/text.hpp"
#include "layers/layer.hpp"

namespace ztilde::exchange {
namespace {

using Shape = std::vector<std::size_t>;

enum class Kind { none, weight, norm, standardise };

// What a layer asks of a module.
struct Need {
  Kind kind = Kind::none;
  Shape shape;  // of the weight; of a norm's mean
};

std::vector<Need> needs_of(const Network& network) {
  std::vector<Need> needs(network.layers.size());
  for (const ParameterSlot& slot : parameter_slots(network)) {
    if (!slot.is_weight_matrix) continue;
    const std::size_t area = slot.kernel * slot.kernel;
    needs[slot.layer] = {Kind::weight, area > 0
                                           ? Shape{slot.rows, slot.columns / area, slot.kernel, slot.kernel}
                                           : Shape{slot.rows, slot.columns}};
  }
  for (const StatisticSlot& slot : statistic_slots(network)) {
    const bool norm = std::holds_alternative<BatchNorm>(network.layers[slot.layer]);
    needs[slot.layer] = {norm ? Kind::norm : Kind::standardise, {slot.channels}};
  }
  return needs;
}

// What shows the kind of layer that a module is.
const safetensors::Tensor& telling(const TorchModule& module) {
  if (module.is_norm()) return module.mean ? *module.mean : *module.variance;
  return module.weight ? *module.weight : module.first();
}

bool is_affine(const TorchModule& module) { return module.weight != nullptr; }

bool fits(const TorchModule& module, const Need& need) {
  if (need.kind == Kind::none || telling(module).shape != need.shape) return false;
  if (need.kind == Kind::weight) return !module.is_norm() && module.weight;
  return module.is_norm() && (need.kind == Kind::norm || !is_affine(module));
}

std::string needs_text(const Network& network, std::size_t layer, const Need& need) {
  const std::string shape = shape_text(need.shape);
  return fmt::format("{} needs {}", layers::label(network, layer),
                     need.kind == Kind::weight ? shape : "statistics of " + shape);
}

// A module that is no layer of ztilde's, whatever the network.
std::string strangeness(const TorchModule& module) {
  if (!module.others.empty())
    return "no linear layer, convolution or batch norm has a tensor of this name; leave it out with --map";
  if (module.is_norm()) {
    if (!module.mean || !module.variance) return "of a batch norm that lacks its other running statistic";
    return "";
  }
  if (!module.weight) return "without a weight beside it; save the whole state_dict()";
  const std::size_t axes = module.weight->shape.size();
  if (axes == 1)
    return "a scale without running statistics, as of LayerNorm or of a BatchNorm with "
           "track_running_stats=False, which ztilde has no layer for";
  if (axes != 2 && axes != 4)
    return fmt::format(
        "{}, where ztilde has layers for weights of Linear [outputs, inputs] and Conv2d [outputs, "
        "inputs, kernel, kernel]",
        shape_text(module.weight->shape));
  return "";
}

// The number that a prefix is, but for what all prefixes begin with.
std::optional<std::size_t> index_of(const std::string& prefix, std::size_t skip) {
  std::size_t index = 0;
  const char* end = prefix.data() + prefix.size();
  const auto [stop, problem] = std::from_chars(prefix.data() + std::min(skip, prefix.size()), end, index);
  if (problem != std::errc() || stop != end) return std::nullopt;
  return index;
}

std::size_t common_start(const std::vector<TorchModule>& modules) {
  const std::string& first = modules.front().prefix;
  std::size_t length = first.size();
  for (const TorchModule& module : modules) {
    std::size_t same = 0;
    while (same < std::min(length, module.prefix.size()) && module.prefix[same] == first[same]) ++same;
    length = same;
  }
  const std::size_t dot = length == 0 ? first.npos : first.rfind('.', length - 1);
  return dot == first.npos ? 0 : dot + 1;
}

// A prefix in three: what is before the last dot, letters, and a number at its end.
struct NameParts {
  std::string parent, word, number;
};

NameParts parts_of(const std::string& prefix) {
  const std::size_t dot = prefix.rfind('.');
  const std::size_t begin = dot == prefix.npos ? 0 : dot + 1;
  const std::size_t digits = prefix.find_last_not_of("0123456789") + 1;  // npos + 1 is 0
  const std::size_t end = std::max(begin, digits);
  return {prefix.substr(0, begin), prefix.substr(begin, end - begin), prefix.substr(end)};
}

// Whether a norm is called like the layer before it: conv1 and bn1, or 3 and 4 in the same Sequential.
bool is_companion(const std::string& norm, const std::string& before) {
  const NameParts a = parts_of(norm), b = parts_of(before);
  if (a.parent != b.parent) return false;
  if (a.word.empty() && b.word.empty()) {
    const auto x = index_of(a.number, 0), y = index_of(b.number, 0);
    return x && y && *x == *y + 1;
  }
  return a.word != b.word && !a.word.empty() && !b.word.empty() && a.number == b.number;
}

class Matcher {
 public:
  Matcher(const Network& network, const StateDict& dict, const LayerMap& said)
      : network_(network), dict_(dict), said_(said), needs_(needs_of(network)) {
    matching_.by_layer.resize(network.layers.size());
    for (const TorchModule& module : dict.modules) left_.push_back(&module);
  }

  Matching match() {
    try {
      take_said();
      refuse_strange();
      if (said_.empty() && take_indices()) return std::move(matching_);
      take_standardise();
      take_shapes();
      take_companions();
      require_all();
    } catch (const Error& error) {
      matching_.problem = error;
    }
    return std::move(matching_);
  }

 private:
  void take(const TorchModule& module, std::size_t layer) {
    matching_.by_layer[layer] = &module;
    ++matching_.matched;
    std::erase(left_, &module);
  }

  bool is_free(std::size_t layer) const {
    return needs_[layer].kind != Kind::none && matching_.by_layer[layer] == nullptr;
  }

  void take_said() {
    for (const auto& [prefix, layer] : said_) {
      const auto found = std::ranges::find(left_, prefix, [](const TorchModule* m) { return m->prefix; });
      if (found == left_.end()) {
        std::vector<std::string> known;
        for (const TorchModule& module : dict_.modules) known.push_back(module.prefix);
        throw Error(ErrorKind::data, fmt::format("--map: no tensor of {} begins with '{}'{}", dict_.file_name,
                                                 printable(prefix), did_you_mean(prefix, known)));
      }
      const TorchModule& module = **found;
      if (!layer) {
        left_.erase(found);
        continue;
      }
      if (*layer >= network_.layers.size() || needs_[*layer].kind == Kind::none) {
        throw Error(ErrorKind::data,
                    fmt::format("--map: '{}' cannot be layer {}, which {}; ztilde inspect lists the layers",
                                printable(prefix), *layer,
                                *layer < network_.layers.size() ? "has no tensors" : "is not there"));
      }
      if (!is_free(*layer)) {
        throw Error(ErrorKind::data,
                    fmt::format("--map: layer {} is given twice; give each module a layer of "
                                "its own",
                                *layer));
      }
      if (!fits(module, needs_[*layer])) refuse_shape(module, *layer);
      take(module, *layer);
    }
  }

  [[noreturn]] void refuse_shape(const TorchModule& module, std::size_t layer) const {
    const safetensors::Tensor& tensor = telling(module);
    refuse_tensor(
        dict_, tensor,
        fmt::format("{} where {}", shape_text(tensor.shape), needs_text(network_, layer, needs_[layer])));
  }

  void refuse_strange() const {
    for (const TorchModule* module : left_) {
      const std::string what = strangeness(*module);
      if (what.empty()) continue;
      refuse_tensor(dict_, module->others.empty() ? module->first() : *module->others.front(), what);
    }
  }

  // As ztilde and torch.nn.Sequential number them, behind a prefix of them all ("module.0").
  bool take_indices() {
    const std::size_t skip = common_start(dict_.modules);
    std::vector<std::pair<const TorchModule*, std::size_t>> found;
    for (const TorchModule& module : dict_.modules) {
      const auto index = index_of(module.prefix, skip);
      if (!index || *index >= needs_.size() || !fits(module, needs_[*index])) return false;
      found.emplace_back(&module, *index);
    }
    std::size_t needed = 0;
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      const bool there =
          std::ranges::find(found, i, [](const auto& pair) { return pair.second; }) != found.end();
      needed += needs_[i].kind == Kind::weight || needs_[i].kind == Kind::norm || there;
    }
    if (needed != found.size()) return false;
    for (const auto& [module, layer] : found) take(*module, layer);
    return true;
  }

  // A norm without gamma and beta in front, where every BatchNorm has one without it.
  void take_standardise() {
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (!is_free(i) || needs_[i].kind != Kind::standardise) continue;
      const Need as_norm{Kind::norm, needs_[i].shape};
      const auto same = [&](const Need& need) {
        return need.kind == as_norm.kind && need.shape == as_norm.shape;
      };
      const auto norms = std::ranges::count_if(needs_, same);
      const auto there =
          std::ranges::count_if(left_, [&](const TorchModule* m) { return fits(*m, as_norm); });
      const auto plain = [&](const TorchModule* m) { return fits(*m, needs_[i]); };
      if (there <= norms || std::ranges::count_if(left_, plain) != 1) continue;
      take(**std::ranges::find_if(left_, plain), i);
    }
  }

  std::vector<std::size_t> free_layers_like(const Need& need) const {
    std::vector<std::size_t> layers;
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (is_free(i) && needs_[i].kind == need.kind && needs_[i].shape == need.shape) layers.push_back(i);
    }
    return layers;
  }

  std::vector<const TorchModule*> left_like(const Need& need) const {
    std::vector<const TorchModule*> modules;
    std::ranges::copy_if(left_, std::back_inserter(modules),
                         [&](const TorchModule* m) { return fits(*m, need); });
    return modules;
  }

  // Shapes that as many layers as modules have, in the order of names that differ by numbers only.
  void take_shapes() {
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (!is_free(i) || needs_[i].kind == Kind::standardise) continue;
      const std::vector<std::size_t> layers = free_layers_like(needs_[i]);
      const std::vector<const TorchModule*> modules = left_like(needs_[i]);
      if (layers.size() != modules.size()) continue;
      const std::string pattern = pattern_of(modules.front()->prefix);
      if (!std::ranges::all_of(modules, [&](const auto* m) { return pattern_of(m->prefix) == pattern; }))
        continue;
      for (std::size_t k = 0; k < layers.size(); ++k) take(*modules[k], layers[k]);
    }
  }

  // The module of the nearest layer before that has a weight.
  const TorchModule* module_before(std::size_t layer) const {
    for (auto before = layer_source(network_, layer); before; before = layer_source(network_, *before)) {
      if (needs_[*before].kind == Kind::weight) return matching_.by_layer[*before];
    }
    return nullptr;
  }

  // Norms of the same shape, where the names of the layers before them tell all of them apart.
  void take_companions() {
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (!is_free(i) || needs_[i].kind != Kind::norm) continue;
      const std::vector<std::size_t> layers = free_layers_like(needs_[i]);
      const std::vector<const TorchModule*> modules = left_like(needs_[i]);
      if (layers.size() != modules.size()) continue;
      std::vector<const TorchModule*> chosen;
      for (const std::size_t layer : layers) {
        const TorchModule* before = module_before(layer);
        const auto called_so = [&](const TorchModule* m) {
          return before && is_companion(m->prefix, before->prefix);
        };
        if (std::ranges::count_if(modules, called_so) != 1) break;
        const TorchModule* module = *std::ranges::find_if(modules, called_so);
        if (std::ranges::find(chosen, module) != chosen.end()) break;
        chosen.push_back(module);
      }
      if (chosen.size() != layers.size()) continue;
      for (std::size_t k = 0; k < layers.size(); ++k) take(*chosen[k], layers[k]);
    }
  }

  // What is left could be otherwise, has another shape, or is too much or too little.
  void require_all() const {
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (!is_free(i) || needs_[i].kind == Kind::standardise) continue;
      const std::vector<std::size_t> layers = free_layers_like(needs_[i]);
      const std::vector<const TorchModule*> modules = left_like(needs_[i]);
      if (modules.size() == layers.size()) refuse_ambiguous(modules, layers);
      for (const TorchModule* module : left_) {
        const bool could = free_layers_like(need_of(*module)).empty() && kind_of(*module) == needs_[i].kind;
        if (could && telling(*module).shape.size() == needs_[i].shape.size()) refuse_shape(*module, i);
      }
    }
    for (std::size_t i = 0; i < needs_.size(); ++i) {
      if (!is_free(i) || needs_[i].kind == Kind::standardise) continue;
      if (left_like(needs_[i]).size() > free_layers_like(needs_[i]).size())
        refuse_too_many(left_like(needs_[i]), i);
      throw Error(ErrorKind::data,
                  fmt::format("{}: {}, and no tensor is left for it; is this the network of these tensors?",
                              dict_.file_name, needs_text(network_, i, needs_[i])));
    }
    if (left_.empty()) return;
    const safetensors::Tensor& tensor = telling(*left_.back());
    refuse_tensor(
        dict_, tensor,
        fmt::format("{} belongs to no layer of the network; take one that has it, or leave the tensor "
                    "out with --map",
                    shape_text(tensor.shape)));
  }

  static Kind kind_of(const TorchModule& module) { return module.is_norm() ? Kind::norm : Kind::weight; }
  static Need need_of(const TorchModule& module) { return {kind_of(module), telling(module).shape}; }

  [[noreturn]] void refuse_ambiguous(const std::vector<const TorchModule*>& modules,
                                     const std::vector<std::size_t>& layers) const {
    throw Error(
        ErrorKind::data,
        fmt::format("{}: {} and {} are both {}, and their names do not tell which is layer {} and which "
                    "layer {}; say so with --map",
                    dict_.file_name, printable(modules[0]->prefix), printable(modules[1]->prefix),
                    shape_text(telling(*modules[0]).shape), layers[0], layers[1]));
  }

  [[noreturn]] void refuse_too_many(const std::vector<const TorchModule*>& modules, std::size_t layer) const {
    throw Error(
        ErrorKind::data,
        fmt::format("{}: {} and {} are both {}, and fewer layers than that are, as {}; leave one out with "
                    "--map",
                    dict_.file_name, printable(modules[0]->prefix), printable(modules[1]->prefix),
                    shape_text(telling(*modules[0]).shape), layers::label(network_, layer)));
  }

  const Network& network_;
  const StateDict& dict_;
  const LayerMap& said_;
  std::vector<Need> needs_;
  std::vector<const TorchModule*> left_;
  Matching matching_;
};

}  // namespace

Matching match_modules(const Network& network, const StateDict& dict, const LayerMap& said) {
  return Matcher(network, dict, said).match();
}

}  // namespace ztilde::exchange
