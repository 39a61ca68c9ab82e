// dlib among the peers: its own layers, batch norm and Adam; products by the BLAS it is linked to.
// dlib's networks are types, so each of the list is written out here, under its name.
#include <dlib/dnn.h>
#include <dlib/revision.h>

#include <cmath>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "protocol.hpp"

namespace {

using ztilde::bench::Peer;

template <class Below>
using Sigmoid100 = dlib::sig<dlib::bn_fc<dlib::fc_no_bias<100, Below>>>;
template <class Below>
using Sigmoid100Known = dlib::sig<dlib::affine<dlib::fc_no_bias<100, Below>>>;
template <long units, class Below>
using Relu = dlib::relu<dlib::bn_fc<dlib::fc_no_bias<units, Below>>>;
template <long units, class Below>
using ReluKnown = dlib::relu<dlib::affine<dlib::fc_no_bias<units, Below>>>;
template <class Below>
using Relu100 = Relu<100, Below>;
template <class Below>
using Relu100Known = ReluKnown<100, Below>;
template <class Below>
using Relu512 = Relu<512, Below>;
template <class Below>
using Relu512Known = ReluKnown<512, Below>;
template <class Below>
using Relu1024 = Relu<1024, Below>;
template <class Below>
using Relu1024Known = ReluKnown<1024, Below>;
template <class Below>
using Relu256 = Relu<256, Below>;
template <class Below>
using Relu256Known = ReluKnown<256, Below>;

using Input = dlib::input<dlib::matrix<float>>;
template <std::size_t layers, template <class> class Hidden>
using Classifier = dlib::loss_multiclass_log<dlib::fc<10, dlib::repeat<layers - 1, Hidden, Hidden<Input>>>>;
template <std::size_t layers, template <class> class Hidden>
using Regressor = dlib::loss_mean_squared<dlib::fc<1, dlib::repeat<layers - 1, Hidden, Hidden<Input>>>>;

struct Rows {
  std::size_t rows = 0, columns = 0;
  std::vector<float> inputs;  // standardised
  std::vector<float> targets;
};

template <class T>
std::vector<T> read_numbers(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error(path + " cannot be read");
  std::vector<T> numbers(static_cast<std::size_t>(file.tellg()) / sizeof(T));
  file.seekg(0).read(reinterpret_cast<char*>(numbers.data()),
                     static_cast<std::streamsize>(numbers.size() * sizeof(T)));
  return numbers;
}

Rows read_rows(const std::string& folder, const std::string& task, std::size_t columns) {
  const std::string path = folder + "/" + task + "-" + std::to_string(columns);
  Rows data;
  data.targets = read_numbers<float>(path + ".targets");
  data.rows = data.targets.size();
  data.columns = columns;
  if (task == "classify") {
    const auto bytes = read_numbers<unsigned char>(path + ".inputs");
    data.inputs.assign(bytes.begin(), bytes.end());
  } else {
    data.inputs = read_numbers<float>(path + ".inputs");
  }
  for (std::size_t c = 0; c < columns; ++c) {
    double sum = 0, squares = 0;
    for (std::size_t r = 0; r < data.rows; ++r) {
      const double x = data.inputs[r * columns + c];
      sum += x;
      squares += x * x;
    }
    const double mean = sum / data.rows, variance = squares / data.rows - mean * mean;
    const double scale = variance > 0 ? 1 / std::sqrt(variance) : 1;
    for (std::size_t r = 0; r < data.rows; ++r) {
      float& x = data.inputs[r * columns + c];
      x = static_cast<float>((x - mean) * scale);
    }
  }
  return data;
}

class Run {
 public:
  virtual ~Run() = default;
  virtual void step() = 0;
  virtual void predict(std::size_t rows) = 0;
};

// Known: the same network with the statistics made part of it, which is how dlib is used for prediction.
template <class Net, class Known>
class RunOf : public Run {
 public:
  RunOf(Rows data, std::size_t batch)
      : data_(std::move(data)), batch_(batch), order_(data_.rows / batch * batch) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::shuffle(order_.begin(), order_.end(), std::mt19937(0));
    solvers_.assign(Net::num_computational_layers, dlib::adam(0.01f, 0.9f, 0.999f));
    labels_.resize(batch);
    use_once(net_, x_);
    x_.set_size(static_cast<long>(batch), 1, static_cast<long>(data_.columns), 1);
  }

  void step() override {
    float* x = x_.host_write_only();
    for (std::size_t i = 0; i < batch_; ++i) {
      const std::size_t row = order_[next_ + i];
      std::copy_n(data_.inputs.data() + row * data_.columns, data_.columns, x + i * data_.columns);
      labels_[i] = static_cast<typename Net::training_label_type>(data_.targets[row]);
    }
    next_ = next_ + batch_ == order_.size() ? 0 : next_ + batch_;
    net_.compute_parameter_gradients(x_, labels_.begin());
    net_.update_parameters(solvers_, 1e-3);
  }

  void predict(std::size_t rows) override {
    auto& known = known_[rows];
    if (!known) {
      known = std::make_unique<Fixed>(net_);
      use_once(known->net, known->x);
      known->x.set_size(static_cast<long>(rows), 1, static_cast<long>(data_.columns), 1);
      std::copy_n(data_.inputs.data(), rows * data_.columns, known->x.host_write_only());
    }
    known->net.subnet().forward(known->x);
    known->net.subnet().get_output().host();
  }

 private:
  struct Fixed {
    explicit Fixed(const Net& trained) : net(trained) {}
    Known net;
    dlib::resizable_tensor x;
  };

  // dlib wants to have made one tensor itself before it takes ours.
  template <class AnyNet>
  void use_once(AnyNet& net, dlib::resizable_tensor& x) {
    const std::vector<dlib::matrix<float>> sample(
        2, dlib::zeros_matrix<float>(static_cast<long>(data_.columns), 1));
    net.to_tensor(sample.begin(), sample.end(), x);
  }

  Rows data_;
  std::size_t batch_, next_ = 0;
  std::vector<std::size_t> order_;
  Net net_;
  std::vector<dlib::adam> solvers_;
  dlib::resizable_tensor x_;
  std::vector<typename Net::training_label_type> labels_;
  std::map<std::size_t, std::unique_ptr<Fixed>> known_;  // by number of rows
};

template <class Net, class Known>
std::unique_ptr<Run> make(Rows data, std::size_t batch) {
  return std::make_unique<RunOf<Net, Known>>(std::move(data), batch);
}

std::unique_ptr<Run> make_run(const std::string& line, const std::string& folder) {
  using Make = std::unique_ptr<Run> (*)(Rows, std::size_t);
  const std::map<std::string, Make> makers = {
      {"784 100x3 10 sigmoid", make<Classifier<3, Sigmoid100>, Classifier<3, Sigmoid100Known>>},
      {"784 512x3 10 relu", make<Classifier<3, Relu512>, Classifier<3, Relu512Known>>},
      {"784 100x20 10 relu", make<Classifier<20, Relu100>, Classifier<20, Relu100Known>>},
      {"784 1024x4 10 relu", make<Classifier<4, Relu1024>, Classifier<4, Relu1024Known>>},
      {"64 256x2 1 relu", make<Regressor<2, Relu256>, Regressor<2, Relu256Known>>},
  };
  std::istringstream words(line);
  std::string name, inputs, hidden, outputs, activation, task;
  std::size_t batch = 0;
  words >> name >> inputs >> hidden >> outputs >> activation >> batch >> task;
  const auto maker = makers.find(inputs + " " + hidden + " " + outputs + " " + activation);
  if (maker == makers.end()) throw std::runtime_error("this network is not written out in peer_dlib.cpp");
  return maker->second(read_rows(folder, task, std::stoul(inputs)), batch);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: peer_dlib FOLDER-OF-ROWS\n";
    return 2;
  }
  const std::string folder = argv[1];
  std::unique_ptr<Run> run;
  const std::string version =
      "dlib " + std::to_string(DLIB_MAJOR_VERSION) + "." + std::to_string(DLIB_MINOR_VERSION);
  ztilde::bench::serve(
      {version,
       [&](const std::string& line) {
         run = nullptr;
         run = make_run(line, folder);
         return std::string("adam");
       },
       [&] { run->step(); },
       [&](std::size_t rows) -> std::function<void()> { return [&run, rows] { run->predict(rows); }; }});
}
