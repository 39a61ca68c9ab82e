"""JAX: the whole step one jitted function that reuses the memory of what it replaces."""

import functools
import itertools

import jax
import jax.numpy as jnp
import optax

from common import DECAY, EPSILON, KEEP, RATE, Network, Peer, Rows, Work, serve

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def make_parameters(network: Network) -> list[dict]:
    key = jax.random.key(0)
    layers = []
    for inputs, outputs in itertools.pairwise(network.widths):
        key, here = jax.random.split(key)
        weight = jax.random.normal(here, (inputs, outputs)) * (2 / inputs) ** 0.5
        layers.append({"weight": weight, "gamma": jnp.ones(outputs), "beta": jnp.zeros(outputs)})
    del layers[-1]["gamma"]
    return layers


def make_running(network: Network) -> list[tuple]:
    return [(jnp.zeros(width), jnp.ones(width)) for width in network.hidden]


def forward(activation, parameters: list[dict], running: list[tuple], x):
    """Returns the outputs and the new running statistics."""
    updated = []
    for layer, (running_mean, running_variance) in zip(parameters, running):
        z = x @ layer["weight"]
        mean = z.mean(axis=0)
        variance = jnp.maximum(jnp.square(z).mean(axis=0) - jnp.square(mean), 0)
        x = activation((z - mean) * (jax.lax.rsqrt(variance + EPSILON) * layer["gamma"]) + layer["beta"])
        updated.append(
            (KEEP * running_mean + (1 - KEEP) * mean, KEEP * running_variance + (1 - KEEP) * variance)
        )
    return x @ parameters[-1]["weight"] + parameters[-1]["beta"], updated


def loss_of(network: Network, parameters, running, x, targets):
    outputs, updated = forward(ACTIVATIONS[network.activation], parameters, running, x)
    if network.task == "classify":
        loss = optax.softmax_cross_entropy_with_integer_labels(outputs, targets).mean()
    else:
        loss = jnp.square(outputs[:, 0] - targets).mean()
    return loss, updated


def fold(parameters: list[dict], running: list[tuple]) -> list[tuple]:
    folded = []
    for layer, (mean, variance) in zip(parameters, running):
        scale = layer["gamma"] * jax.lax.rsqrt(variance + EPSILON)
        folded.append((layer["weight"] * scale, layer["beta"] - mean * scale))
    # Copies, since the next step takes these arrays over.
    return [*folded, (parameters[-1]["weight"].copy(), parameters[-1]["beta"].copy())]


class Jax(Peer):
    version = f"JAX {jax.__version__}"

    def prepare(self, network: Network, rows: Rows) -> str:
        self.network = network
        self.inputs = jax.device_put(rows.inputs)
        targets = jax.device_put(rows.targets)
        batches = itertools.cycle([jax.device_put(batch.astype("int32")) for batch in rows.batches])
        optimiser = optax.adamw(RATE, weight_decay=DECAY)

        @functools.partial(jax.jit, donate_argnums=0)
        def step(state, inputs, targets, rows):
            parameters, running, moments = state
            gradient_of = jax.grad(functools.partial(loss_of, network), has_aux=True)
            gradients, running = gradient_of(parameters, running, inputs[rows], targets[rows])
            updates, moments = optimiser.update(gradients, moments, parameters)
            return optax.apply_updates(parameters, updates), running, moments

        parameters = make_parameters(network)
        self.state = (parameters, make_running(network), optimiser.init(parameters))

        def train(times: int) -> None:
            for _ in range(times):
                self.state = step(self.state, self.inputs, targets, next(batches))
            jax.block_until_ready(self.state)

        self.train = train
        train(3)
        return "one jitted step"

    def predictor(self, count: int) -> tuple[str, Work]:
        folded = fold(*self.state[:2])
        activation = ACTIVATIONS[self.network.activation]
        x = jax.device_put(self.inputs[:count])

        @jax.jit
        def outputs(layers, x):
            for weight, bias in layers[:-1]:
                x = activation(x @ weight + bias)
            return x @ layers[-1][0] + layers[-1][1]

        def times(repeats: int) -> None:
            for _ in range(repeats):
                outputs(folded, x).block_until_ready()

        times(3)
        return "jitted, folded", times


if __name__ == "__main__":
    serve(Jax())
