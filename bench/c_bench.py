"""One row through C source, Predictor and ONNX Runtime in turn, one thread each (scripts/bench-c).

    c_bench.py --ztilde PROGRAM --bench C_BENCH --folder FOLDER --images IDX.gz [--rounds N] [--seconds S] [--json FILE] NAME=MODEL…
"""
import argparse
import ctypes
import gzip
import json
import os
import statistics
import subprocess
import time

import numpy as np
import onnx
import onnx.utils
import onnxruntime

FLAGS = {"-O3": ["-O3"], "-O3 -march=native": ["-O3", "-march=native"]}


def onnx_of(ztilde, model, path):
    """The graph that gives the raw outputs and nothing else, for one row; its inputs and outputs by name."""
    run(ztilde, "export", model, "--onnx", path, "--force", "--quiet")
    whole = onnx.load(path)
    inputs, outputs = [each.name for each in whole.graph.input], [whole.graph.output[0].name]
    raw = onnx.utils.Extractor(whole).extract_model(inputs, outputs)
    for value in [*raw.graph.input, *raw.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_value = 1
    shape = [size.dim_value for size in raw.graph.input[0].type.tensor_type.shape.dim]
    return raw.SerializeToString(), shape


class Onnx:
    def __init__(self, model, shape, seconds):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.row = np.random.default_rng(0).integers(0, 256, shape).astype(np.float32)
        self.binding.bind_cpu_input(self.session.get_inputs()[0].name, self.row)
        self.binding.bind_output(self.session.get_outputs()[0].name)
        self.seconds = seconds

    def run(self):
        times, end = [], time.perf_counter() + self.seconds
        while (begin := time.perf_counter()) < end:
            self.session.run_with_iobinding(self.binding)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def object_bytes(path):
    """Code and constants of an object file, without its symbols."""
    text, data, bss = run("size", path).splitlines()[1].split()[:3]
    return int(text) + int(data) + int(bss)


def agreement(model, export, library, arguments):
    """The C source's answers for all images against those of `ztilde predict`."""
    lines = run(arguments.ztilde, "predict", model, "--data", arguments.images, "--probabilities", "--quiet").splitlines()
    expected = np.loadtxt(lines[1:], delimiter=",", dtype=np.float32)
    with gzip.open(arguments.images) as file:
        rows = np.frombuffer(file.read()[16:], np.uint8).reshape(len(expected), -1).astype(np.float32)
    predict = getattr(ctypes.CDLL(os.path.abspath(library)), export["name"] + "_predict")
    pointer = ctypes.POINTER(ctypes.c_float)
    found, scratch = np.empty_like(expected[:, 1:]), np.empty(export["scratch_bytes"] // 4, np.float32)
    address = lambda array: array.ctypes.data_as(pointer)
    answers = [predict(address(rows[r]), address(found[r]), address(scratch)) for r in range(len(rows))]
    return {"rows": len(rows), "largest_difference": float(np.abs(found - expected[:, 1:]).max()),
            "same_class": int((np.array(answers) == expected[:, 0]).sum())}


def measured(name, model, arguments):
    folder = arguments.folder
    folded = f"{folder}/{name}.folded"
    run(arguments.ztilde, "fold", model, "--out", folded, "--force", "--quiet")
    contestants, libraries, facts = ["Predictor"], [], {}
    for kind, path in (("C", model), ("C, folded", folded)):
        source = f"{folder}/{name}{'_folded' if path == folded else ''}.c"
        export = json.loads(run(arguments.ztilde, "export", path, "--c", source, "--force", "--json"))
        for flags, options in FLAGS.items():
            library = source[:-2] + ("-native" if "native" in flags else "") + ".so"
            begin = os.times().children_user
            run(arguments.cc, "-std=c99", *options, "-c", source, "-o", source[:-2] + ".o")
            seconds = os.times().children_user - begin  # of processor time: others may be at work too
            run(arguments.cc, "-std=c99", *options, "-shared", "-fPIC", source, "-o", library, "-lm")
            facts[f"{kind} {flags}"] = {"source_bytes": export["bytes"], "compile_seconds": seconds,
                                        "object_bytes": object_bytes(source[:-2] + ".o"),
                                        "scratch_bytes": export["scratch_bytes"]}
            contestants.append(f"{kind} {flags}")
            facts[f"{kind} {flags}"]["agreement"] = agreement(model, export, library, arguments)
            libraries.append(f"{os.path.abspath(library)}:{export['name']}_outputs:{export['scratch_bytes'] // 4}")
    peer = Onnx(*onnx_of(arguments.ztilde, folded, f"{folder}/{name}.onnx"), arguments.seconds)
    contestants.append("ONNX Runtime")
    ours = subprocess.Popen([arguments.bench, model, str(arguments.seconds), *libraries], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)

    def one(i):
        if contestants[i] == "ONNX Runtime":
            return peer.run()
        print(i, file=ours.stdin, flush=True)
        return float(ours.stdout.readline())

    times = [[] for _ in contestants]
    for i in range(len(contestants)):
        one(i)
    for turn in range(arguments.rounds):
        for k in range(len(contestants)):
            i = (turn + k) % len(contestants)
            times[i].append(one(i))
    ours.stdin.close()
    ours.wait()
    rows = {}
    base = times[contestants.index("C -O3")]
    for contestant, of_it in zip(contestants, times):
        low, median, high = np.percentile(np.array(of_it) * 1e6, [10, 50, 90])
        rows[contestant] = {"us": median, "us_10": low, "us_90": high,
                            "over_c": float(np.median(np.array(of_it) / np.array(base))), **facts.get(contestant, {})}
    return rows


def main():
    parser = argparse.ArgumentParser()
    for name in ("--ztilde", "--bench", "--folder"):
        parser.add_argument(name, required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--json")
    parser.add_argument("models", nargs="+")
    arguments = parser.parse_args()
    print(f"{run(arguments.cc, '--version').splitlines()[0]}; ONNX Runtime {onnxruntime.__version__}; one thread each; "
          f"median of {arguments.rounds} rounds (10th to 90th percentile)")
    everything = {}
    for text in arguments.models:
        name, model = text.split("=", 1)
        everything[name] = measured(name, model, arguments)
        print(f"\n{name}\n{'':28}{'one row, us':>26}  {'over C -O3':>10}  {'object':>11}  {'source':>11}  compile")
        for contestant, row in everything[name].items():
            line = f"{contestant:28}{row['us']:10.1f} ({row['us_10']:.1f} to {row['us_90']:.1f})"
            line = f"{line:54}  {row['over_c']:10.2f}"
            if "object_bytes" in row:
                line += f"  {row['object_bytes']:11,}  {row['source_bytes']:11,}  {row['compile_seconds']:.2f} s"
            print(line)
        for contestant, row in everything[name].items():
            if "agreement" in row:
                of = row["agreement"]
                print(f"{contestant}: of {of['rows']:,} rows {of['same_class']:,} have the class of ztilde predict; the "
                      f"largest difference of a probability is {of['largest_difference']:.2g}")
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(everything, file, indent=1)


main()
