// The categories of a column, by their texts.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ztilde {

constexpr std::size_t kMostCategories = 65536;

class CategoryIndex {
 public:
  CategoryIndex() = default;
  // Known ones, by their index.
  explicit CategoryIndex(const std::vector<std::string>& known) {
    for (const std::string& text : known) find_or_add(text);
  }

  // The index of a text, size() where it has none.
  std::size_t find(std::string_view text) const {
    const auto found = indices_.find(text);
    return found == indices_.end() ? texts_.size() : found->second;
  }
  std::size_t find_or_add(std::string_view text) {
    const auto found = indices_.find(text);
    if (found != indices_.end()) return found->second;
    texts_.emplace_back(text);
    indices_.emplace(texts_.back(), texts_.size() - 1);
    return texts_.size() - 1;
  }
  std::size_t size() const { return texts_.size(); }
  const std::string& text(std::size_t index) const { return texts_[index]; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  std::vector<std::string> texts_;
  // Its own copies of the texts, as an index may be copied.
  std::unordered_map<std::string, std::size_t, Hash, std::equal_to<>> indices_;
};

// The place of each category in their order: by number where all are numbers, else by text. Those
// that are equal by_value share a place.
struct CategoryOrder {
  std::vector<std::size_t> place;   // by index
  std::vector<std::string> sorted;  // by place, the text that came first
};
CategoryOrder sort_categories(const CategoryIndex& categories, bool by_value);

}  // namespace ztilde
