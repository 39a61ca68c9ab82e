#include "cli/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <variant>
#include <vector>

#include "base/text.hpp"
#include "layers/layer.hpp"

namespace ztilde::cli {
namespace {

constexpr std::size_t kLongestChain = 8;

}  // namespace

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string wrapped(const std::string& left, std::size_t indent, std::string_view text, std::size_t width) {
  std::string lines = left;
  std::size_t column = columns_of(left);
  if (column > 0 && column + 1 > indent) {
    lines += '\n';
    column = 0;
  }
  lines.append(indent - column, ' ');
  column = indent;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    const std::string_view word = text.substr(start, end - start);
    const std::size_t length = columns_of(word);
    if (column > indent && column + 1 + length > width) {
      lines += '\n' + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += length;
    start = end + 1;
  }
  return lines + "\n";
}

std::string layer_words(const Layer& layer) {
  return std::visit(
      layers::overloaded{
          [](const Encode&) { return std::string("encode"); },
          [](const Standardise&) { return std::string("standardise"); },
          [](const Dense&) { return std::string("dense"); },
          [](const BatchNorm&) { return std::string("batch norm"); },
          [](const Activation& a) { return std::string(to_string(a.kind)); },
          [](const Dropout& d) { return fmt::format("dropout {}", d.probability); },
          [](const Conv2d& c) {
            return fmt::format("{}conv {} × {}{}", c.depthwise ? "depthwise " : "", c.kernel, c.kernel,
                               c.stride > 1 ? fmt::format(" / {}", c.stride) : "");
          },
          [](const MaxPool& p) { return fmt::format("max pool {} × {}", p.kernel, p.kernel); },
          [](const AveragePool& p) { return fmt::format("average pool {} × {}", p.kernel, p.kernel); },
          [](const GlobalAveragePool&) { return std::string("global average pool"); },
          [](const Flatten&) { return std::string("flatten"); },
          [](const Add& a) { return fmt::format("add ({} back)", a.back); },
          [](const Shortcut& s) { return fmt::format("shortcut ({} back)", s.back); }},
      layer);
}

std::string network_words(const Network& network) {
  const Shape input = network.input_shape();
  std::string start = with_commas(network.inputs);
  if (input.pixels() > 1) {
    start = fmt::format("{} × {}", input.height, input.width);
    if (input.channels > 1) start += fmt::format(" × {}", input.channels);
  }
  std::vector<std::string> chain = {start}, others;
  bool convolves = false, adds = false;
  for (const Layer& layer : network.layers) {
    if (const auto* dense = std::get_if<Dense>(&layer)) {
      chain.push_back(with_commas(dense->outputs));
    } else if (const auto* conv = std::get_if<Conv2d>(&layer)) {
      chain.push_back(with_commas(conv->outputs));
      convolves = true;
    } else if (std::holds_alternative<Add>(layer)) {
      adds = true;
    } else if (std::holds_alternative<Shortcut>(layer)) {
      continue;
    } else if (const std::string name = layer_words(layer); std::ranges::find(others, name) == others.end()) {
      others.push_back(name);
    }
  }
  if (convolves) others.insert(others.begin(), "convolutions");
  if (adds) others.push_back("residual");
  if (chain.size() > kLongestChain) {
    chain.erase(chain.begin() + kLongestChain / 2, chain.end() - kLongestChain / 2);
    chain.insert(chain.begin() + kLongestChain / 2, "…");
  }
  return fmt::format("{}{}{}", fmt::join(chain, " → "), others.empty() ? "" : ", ", fmt::join(others, ", "));
}

}  // namespace ztilde::cli
