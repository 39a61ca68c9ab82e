// Packed rows for a model: what a table's reader does by names and texts, done to cells.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/files.hpp"
#include "base/text.hpp"
#include "cli/input.hpp"
#include "ztilde/pack.hpp"

namespace ztilde::cli {
namespace {

// Where each text of `from` is in `to`; to.size() where it is not.
std::vector<std::size_t> places_in(const std::vector<std::string>& to, const std::vector<std::string>& from) {
  std::vector<std::size_t> places;
  for (const std::string& text : from)
    places.push_back(static_cast<std::size_t>(std::ranges::find(to, text) - to.begin()));
  return places;
}

Column column_at(const Dataset& data, std::size_t i) {
  return data.column_info.empty() ? Column{.name = data.column_names[i]} : data.column_info[i];
}

struct Fit {
  std::size_t from = 0;            // the column of the file
  std::vector<std::size_t> place;  // of its categories in the model's column; empty for numbers
};

std::vector<Fit> fit_columns(const Dataset& data, const std::vector<Column>& wanted,
                             const std::string& path) {
  std::vector<Fit> fits;
  for (const Column& column : wanted) {
    const auto found = std::ranges::find(data.column_names, column.name);
    if (found == data.column_names.end()) {
      refuse(shown_path(path),
             fmt::format("no packed column is called '{}', which the model takes{}", printable(column.name),
                         did_you_mean(column.name, data.column_names)));
    }
    Fit fit{static_cast<std::size_t>(found - data.column_names.begin()), {}};
    const Column packed = column_at(data, fit.from);
    if (packed.kind != column.kind) {
      const bool numbers = packed.kind == ColumnKind::numeric;
      refuse(shown_path(path),
             fmt::format("'{}' is packed as {}, and the model takes {}; pack it again with {} {}",
                         printable(column.name), numbers ? "numbers" : "categories",
                         numbers ? "categories" : "numbers", numbers ? "--categorical" : "--numeric",
                         printable(column.name)));
    }
    if (column.kind == ColumnKind::categorical) {
      fit.place = places_in(column.categories, packed.categories);
      fit.place.push_back(column.categories.size());
    }
    fits.push_back(std::move(fit));
  }
  return fits;
}

void take_columns(Dataset& data, const std::vector<Column>& wanted, const InputFiles& files) {
  const std::vector<Fit> fits = fit_columns(data, wanted, files.data);
  std::vector<float> floats;
  floats.reserve(data.rows * fits.size());
  for (std::size_t r = 0; r < data.rows; ++r) {
    for (std::size_t i = 0; i < fits.size(); ++i) {
      float cell = data.floats[r * data.columns + fits[i].from];
      if (!fits[i].place.empty()) cell = static_cast<float>(fits[i].place[static_cast<std::size_t>(cell)]);
      if (files.table.refuse_unseen && !fits[i].place.empty() &&
          cell == static_cast<float>(fits[i].place.back())) {
        refuse(shown_path(files.data),
               fmt::format("a category of '{}' was not there in training; correct it, or say "
                           "--unseen slot",
                           printable(wanted[i].name)));
      }
      floats.push_back(cell);
    }
  }
  data.floats = std::move(floats);
  data.columns = fits.size();
}

std::vector<Column> columns_of(const Model& model) {
  if (!model.column_info.empty()) return model.column_info;
  std::vector<Column> columns;
  for (const std::string& name : model.column_names) columns.push_back({.name = name});
  return columns;
}

void require_images_fit(const Dataset& data, const Model& model, const std::string& path) {
  if (!data.column_names.empty())
    refuse(shown_path(path), "holds a table, and the model was trained on images; pack images");
  const bool known = model.image_width != 0 && data.image_width != 0;
  if (data.columns == model.network.inputs &&
      (!known || (data.image_width == model.image_width && data.image_height == model.image_height)))
    return;
  refuse(shown_path(path),
         fmt::format("its images have {} values each, {} × {} pixels, and the model takes {}; pack "
                     "images of the model's size",
                     with_commas(data.columns), data.image_width, data.image_height,
                     with_commas(model.network.inputs)));
}

void take_columns_of(Dataset& data, const Model& model, const InputFiles& files) {
  const std::vector<Column> wanted = columns_of(model);
  if (wanted.empty()) return require_images_fit(data, model, files.data);
  if (data.column_names.empty())
    refuse(shown_path(files.data), "holds images, and the model was trained on a table; pack a table");
  std::vector<Column> packed;
  for (std::size_t i = 0; i < data.columns; ++i) packed.push_back(column_at(data, i));
  if (packed == wanted) return;
  if (data.store) {
    refuse(shown_path(files.data),
           "its columns or categories are not the model's, or in another order; pack it "
           "again, or read it into memory");
  }
  take_columns(data, wanted, files);
  data.column_names = model.column_names;
  data.column_info = model.column_info;
}

void take_target(Dataset& data, const Model& model, const std::string& path, CsvOptions::Target use) {
  const bool named_alike = model.target_name.empty() || data.target_name == model.target_name;
  const bool wanted = use == CsvOptions::Target::required ||
                      (use == CsvOptions::Target::if_present && named_alike && data.task == model.task);
  if (!wanted || data.targets.empty()) {
    if (use == CsvOptions::Target::required) refuse(shown_path(path), "has no target; pack it with one");
    data.targets.clear();
    return;
  }
  if (data.task != model.task || !named_alike) {
    refuse(shown_path(path),
           fmt::format("its target is '{}', {}, and the model's is '{}', {}; pack it again with --target {}",
                       printable(data.target_name), data.task == Task::classify ? "classes" : "numbers",
                       printable(model.target_name), model.task == Task::classify ? "classes" : "numbers",
                       printable(model.target_name)));
  }
  if (data.task == Task::regress || data.classes == model.classes) return;
  const std::vector<std::size_t> places = places_in(model.classes, data.classes);
  for (float& target : data.targets) {
    const auto kind = static_cast<std::size_t>(target);
    if (places[kind] == model.classes.size()) {
      refuse(shown_path(path),
             fmt::format("the class '{}' is none of the model's{}", printable(data.classes[kind]),
                         did_you_mean(data.classes[kind], model.classes)));
    }
    target = static_cast<float>(places[kind]);
  }
  data.classes = model.classes;
}

}  // namespace

Dataset read_packed_for(const Model& model, const InputFiles& files, CsvOptions::Target use) {
  Dataset data = files.packed_on_disk ? open_packed(files.data) : read_packed(files.data);
  if (data.rules.missing != MissingUse::refuse && model.rules.missing == MissingUse::refuse &&
      !model.column_names.empty()) {
    refuse(shown_path(files.data),
           "was packed with --missing, and the model refuses missing numbers; pack it "
           "again without");
  }
  take_columns_of(data, model, files);
  take_target(data, model, files.data, use);
  if (data.rules.weight_name != model.rules.weight_name) data.weights.clear();
  data.rules = model.rules;
  data.notes.clear();
  return data;
}

}  // namespace ztilde::cli
