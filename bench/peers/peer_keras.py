"""Keras on TensorFlow: its own train_step, many steps a call, with XLA or without, the faster."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

from common import DECAY, EPSILON, KEEP, RATE, THREADS, Network, Peer, Rows, Work, fastest, repeat, serve


def make_model(network: Network, jit: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    layers: list = [keras.Input((network.inputs,))]
    for width in network.hidden:
        layers += [
            keras.layers.Dense(width, use_bias=False),
            keras.layers.BatchNormalization(momentum=KEEP, epsilon=EPSILON),
            keras.layers.Activation(network.activation),
        ]
    model = keras.Sequential([*layers, keras.layers.Dense(network.outputs)])
    classify = network.task == "classify"
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if classify else "mse"
    model.compile(keras.optimizers.AdamW(RATE, weight_decay=DECAY), loss=loss, jit_compile=jit)
    model.optimizer.build(model.trainable_variables)
    return model


class Keras(Peer):
    version = f"Keras {keras.__version__} on TensorFlow {tf.__version__}"

    def prepare(self, network: Network, rows: Rows) -> str:
        keras.backend.clear_session()
        self.network = network
        self.inputs = tf.constant(rows.inputs)
        self.targets = tf.constant(rows.targets)
        self.batches = tf.constant(rows.batches)
        ways = {"with XLA": self.trainer(jit=True), "without XLA": self.trainer(jit=False)}
        name, self.train = fastest(ways)
        return name

    def trainer(self, *, jit: bool) -> Work:
        model = make_model(self.network, jit)
        position = tf.Variable(0, dtype=tf.int64)
        count = self.batches.shape[0]

        @tf.function(jit_compile=jit)
        def step(x, target):
            return model.train_step((x, target))["loss"]

        @tf.function
        def steps(times):
            for _ in tf.range(times):
                rows = self.batches[position % count]
                step(tf.gather(self.inputs, rows), tf.gather(self.targets, rows))
                position.assign_add(1)

        return lambda times: steps(tf.constant(times))

    def predictor(self, count: int) -> tuple[str, Work]:
        model = make_model(self.network, False)
        x = self.inputs[:count]

        def of(jit: bool) -> Work:
            outputs = tf.function(lambda x: model(x, training=False), jit_compile=jit)
            return repeat(lambda: outputs(x).numpy())

        return fastest({"with XLA": of(True), "without XLA": of(False)})


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    serve(Keras())
