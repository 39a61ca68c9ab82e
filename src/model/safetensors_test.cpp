#include "model/safetensors.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "ztilde/error.hpp"

namespace ztilde::safetensors {
namespace {

std::string file_of(const std::string& header, const std::string& data = "") {
  const std::uint64_t length = header.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  return content + header + data;
}

std::string refusal(const std::string& content) {
  try {
    (void)read(content, "x.st");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("x.st: not a sound safetensors file: ")) << text;
    EXPECT_TRUE(text.ends_with("; copy the file again or make it anew")) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    return text;
  }
  return "accepted";
}

void expect_refused(const std::string& content, const std::string& why) {
  EXPECT_NE(refusal(content).find(why), std::string::npos) << refusal(content);
}

std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" +
         offsets + "]}";
}

TEST(Safetensors, written_files_read_back_with_the_same_names_shapes_bytes_and_metadata) {
  const std::string floats(24, 'f'), doubles(16, 'd'), whole(8, 'i');
  const File file{{{"a", "b"}, {"quote\"", "new\nline \xC3\xA9"}},
                  {{"w", Dtype::f32, {2, 3}, floats},
                   {"m", Dtype::f64, {2}, doubles},
                   {"n", Dtype::i64, {}, whole},
                   {"none", Dtype::f32, {0, 7}, {}}}};
  const std::string content = write(file);
  const File back = read(content, "x.st");
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), 4u);
  for (const Tensor& given : file.tensors) {
    bool found = false;
    for (const Tensor& got : back.tensors) {
      if (got.name != given.name) continue;
      found = true;
      EXPECT_EQ(got.dtype, given.dtype);
      EXPECT_EQ(got.shape, given.shape);
      EXPECT_EQ(got.bytes, given.bytes);
    }
    EXPECT_TRUE(found) << given.name;
  }
  EXPECT_EQ(write(file), content);
}

TEST(Safetensors, data_starts_at_a_multiple_of_64_and_every_tensor_is_aligned) {
  const std::string four(4, 'f'), eight(8, 'd');
  for (std::size_t length = 0; length < 130; ++length) {
    const File file{
        {{"k", std::string(length, 'x')}},
        {{"a", Dtype::f32, {1}, four}, {"b", Dtype::f64, {1}, eight}, {"c", Dtype::f32, {1}, four}}};
    const std::string content = write(file);
    EXPECT_EQ((content.size() - 16) % 64, 0u);
    const File back = read(content, "x.st");
    ASSERT_EQ(back.tensors.size(), 3u);
    for (const Tensor& t : back.tensors) {
      EXPECT_EQ(static_cast<std::size_t>(t.bytes.data() - content.data()) % byte_size(t.dtype), 0u);
    }
  }
}

TEST(Safetensors, a_file_without_tensors_or_metadata_is_allowed) {
  EXPECT_TRUE(read(file_of("{}"), "x.st").tensors.empty());
  EXPECT_TRUE(read(write({}), "x.st").metadata.empty());
}

TEST(Safetensors, a_header_by_another_writer_with_spaces_and_another_order_is_read) {
  const std::string header =
      "{ \"b\" : { \"data_offsets\" : [ 4, 8 ], \"shape\" : [ 1 ], \"dtype\" : \"F32\" },\n"
      " \"a\": {\"shape\":[],\"data_offsets\":[0,4],\"dtype\":\"F32\"}, \"__metadata__\": {\"k\":\"v\"} }  ";
  const std::string content = file_of(header, "aaaabbbb");
  const File file = read(content, "x.st");
  ASSERT_EQ(file.tensors.size(), 2u);
  EXPECT_EQ(file.tensors[0].name, "a");
  EXPECT_EQ(file.tensors[1].bytes, "bbbb");
  EXPECT_EQ(file.metadata.at("k"), "v");
}

TEST(Safetensors, a_wrong_length_is_refused_by_name) {
  expect_refused("", "it has 0 bytes");
  expect_refused("1234567", "it has 7 bytes");
  std::string content = file_of("{}");
  content[0] = 3;
  expect_refused(content, "it claims a header of 3 bytes, only 2 follow");
  content[7] = '\xff';
  expect_refused(content, "more than the format's 100,000,000");
}

TEST(Safetensors, a_header_that_is_no_json_object_is_refused) {
  expect_refused(file_of(""), "the header is not a JSON object");
  expect_refused(file_of("[]"), "the header is not a JSON object");
  expect_refused(file_of(" {}"), "the header is not a JSON object");
  expect_refused(file_of("{\"a\":"), "the header is not JSON at byte");
  expect_refused(file_of("{}x"), "the header is not JSON at byte");
  expect_refused(file_of("{\"\xff\":1}"), "the header is not JSON at byte");
  expect_refused(file_of("{\"a\":1e999}"), "the header is not JSON at byte");
}

TEST(Safetensors, an_entry_that_is_no_tensor_is_refused_by_name) {
  for (const char* value : {"1",
                            "-1",
                            "1.5",
                            "null",
                            "true",
                            "\"t\"",
                            "[]",
                            "{\"x\":1}",
                            "{\"dtype\":1}",
                            "{\"dtype\":[\"F32\"]}",
                            "{\"shape\":1}",
                            "{\"shape\":{}}",
                            "{\"shape\":[[1]]}",
                            "{\"shape\":[-1]}",
                            "{\"shape\":[1.0]}",
                            "{\"shape\":[{}]}",
                            "{\"shape\":[\"F32\"]}",
                            "{\"shape\":[18446744073709551616]}",
                            "{\"data_offsets\":[0]}",
                            "{\"data_offsets\":[0,0,0]}",
                            "{\"dtype\":\"F32\",\"dtype\":\"F32\"}"}) {
    expect_refused(file_of(std::string("{\"t\":") + value + "}"),
                   "the header's entry 't' is not a tensor's dtype, shape and data_offsets");
  }
  expect_refused(file_of("{\"t\":{\"dtype\":\"F32\",\"shape\":[]}}"),
                 "tensor 't' lacks its dtype, shape or data_offsets");
  expect_refused(file_of("{\"t\":{}}"), "tensor 't' lacks");
  expect_refused(file_of("{" + tensor("t", "F8_E4M3", "2", "0,2") + "}", "xx"),
                 "tensor 't' has dtype 'F8_E4M3', known are F32, F64, I64, F16, BF16");
}

TEST(Safetensors, metadata_that_are_not_texts_are_refused) {
  expect_refused(file_of("{\"__metadata__\":{\"k\":1}}"), "metadata 'k' is not text");
  expect_refused(file_of("{\"__metadata__\":{\"k\":{}}}"), "metadata 'k' is not text");
  expect_refused(file_of("{\"__metadata__\":{\"k\":[]}}"), "metadata 'k' is not text");
  expect_refused(file_of("{\"__metadata__\":\"v\"}"), "metadata '__metadata__' is not text");
}

TEST(Safetensors, names_given_twice_are_refused) {
  const std::string t = tensor("t", "F32", "1", "0,4");
  expect_refused(file_of("{" + t + "," + t + "}", "xxxx"), "two tensors are named 't'");
  expect_refused(file_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}"), "metadata 'k' is given twice");
  expect_refused(file_of("{\"__metadata__\":{},\"__metadata__\":{}}"),
                 "two tensors are named '__metadata__'");
}

TEST(Safetensors, offsets_out_of_range_overlapping_or_with_holes_are_refused) {
  const std::string a = tensor("a", "F32", "1", "0,4");
  expect_refused(file_of("{" + tensor("a", "F32", "1", "4,0") + "}", "xxxx"),
                 "tensor 'a' claims bytes 4 to 0 of 4");
  expect_refused(file_of("{" + tensor("a", "F32", "2", "0,8") + "}", "xxxx"),
                 "tensor 'a' claims bytes 0 to 8 of 4");
  expect_refused(
      file_of("{" + tensor("a", "F32", "1", "18446744073709551612,18446744073709551615") + "}", "xxxx"),
      "tensor 'a' claims bytes");
  expect_refused(file_of("{" + a + "," + tensor("b", "F32", "1", "2,6") + "}", "xxxxxx"),
                 "tensor 'b' overlaps 'a'");
  expect_refused(file_of("{" + a + "," + tensor("b", "F32", "1", "0,4") + "}", "xxxx"),
                 "tensor 'b' overlaps 'a'");
  expect_refused(file_of("{" + a + "," + tensor("b", "F32", "1", "5,9") + "}", "xxxxxxxxx"),
                 "there is a hole of 1 byte before tensor 'b'");
  expect_refused(file_of("{" + tensor("a", "F32", "1", "1,5") + "}", "xxxxx"),
                 "a hole of 1 byte before tensor 'a'");
  expect_refused(file_of("{" + a + "}", "xxxxx"), "the last tensor is followed by 1 byte");
  expect_refused(file_of("{}", "xx"), "the last tensor is followed by 2 bytes");
}

TEST(Safetensors, sizes_that_do_not_fit_the_shape_are_refused_also_where_the_product_overflows) {
  for (const char* shape : {"2", "0", "3,1", "4611686018427387905", "4294967296,4294967296",
                            "2,9223372036854775809", "18446744073709551615,18446744073709551615,0"}) {
    expect_refused(file_of("{" + tensor("a", "F32", shape, "0,4") + "}", "xxxx"),
                   "tensor 'a' has 4 bytes, its shape [");
  }
}

TEST(Safetensors, deep_nesting_is_refused_without_recursion) {
  expect_refused(file_of("{\"a\":" + std::string(1'000'000, '[')), "the header's entry 'a'");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_refused(file_of(objects), "the header's entry 'a'");
}

TEST(Safetensors, names_of_a_hostile_file_are_made_printable) {
  expect_refused(file_of("{\"\\u001b[2J\\n\":1}"), "the header's entry '");
}

}  // namespace
}  // namespace ztilde::safetensors
