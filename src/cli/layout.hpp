// Text for people in columns: a label on the left, words wrapped to its right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ztilde/network.hpp"

namespace ztilde::cli {

// Columns of a terminal that UTF-8 text takes, each character one.
std::size_t columns_of(std::string_view text);

constexpr std::size_t kUsualWidth = 80;
// `left`, and from column `indent` on the words of `text`, in lines of at most `width` columns. A
// `left` that is too long stands on a line of its own.
std::string wrapped(const std::string& left, std::size_t indent, std::string_view text,
                    std::size_t width = kUsualWidth);

// "batch norm", "relu", "dropout 0.2".
std::string layer_words(const Layer& layer);
// "784 → 256 → 10, batch norm, relu".
std::string network_words(const Network& network);

}  // namespace ztilde::cli
