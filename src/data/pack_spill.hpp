// Rows put in another order with bounded memory: dealt to buckets on disk, each put in order by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "data/pack_output.hpp"
#include "ztilde/pack.hpp"

namespace ztilde::pack_file {

// Rows come out in the order of random keys that depend on the seed and the row's number alone. A bucket
// holds the keys of one interval, so the order does not depend on how many buckets there are.
class RowSpill {
 public:
  RowSpill(const std::string& out, std::size_t row_bytes, const PackOptions& options);

  // Whole rows, behind those before. Throws Error(data) where the memory is too small for so many.
  void add(std::string_view rows);
  std::uint64_t rows() const { return rows_; }
  // Each row once with its number, in the final order.
  void drain(const std::function<void(const char* row, std::uint32_t number)>& give);

 private:
  struct Piece {
    std::uint64_t offset;
    std::size_t bytes;
  };
  struct Bucket {
    std::vector<char> buffer;
    std::vector<Piece> pieces;  // on disk
    std::uint64_t bytes = 0;
  };
  std::uint64_t key_of(std::uint32_t number) const;
  void flush(Bucket& bucket);
  void require_memory() const;
  void drain_in_order(const Bucket& bucket,
                      const std::function<void(const char*, std::uint32_t)>& give) const;
  void drain_shuffled(const Bucket& bucket,
                      const std::function<void(const char*, std::uint32_t)>& give) const;
  std::size_t record_bytes() const { return row_bytes_ + sizeof(std::uint32_t); }

  std::string path_;
  NamelessFile file_;
  RandomStream keys_;
  bool shuffled_;
  std::size_t memory_, row_bytes_, buffer_bytes_;
  std::uint64_t rows_ = 0, end_ = 0;  // end_: of the file
  std::vector<Bucket> buckets_;
};

}  // namespace ztilde::pack_file
