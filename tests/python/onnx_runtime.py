"""Runs exported ONNX files with ONNX Runtime and compares with what ztilde answers.

usage: onnx_runtime.py NAME=MODEL.onnx=FOLDER …

FOLDER has the test_data_set_0 that `ztilde export --test-data` wrote beside the file. Prints a line for each
file; off by is the largest |difference| of an output as a share of the largest |output|. Exits 1 where a file
does not pass onnx's full check, an output is off by more than 1e-5, or a label is another.
"""

import glob
import sys

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime

# Both compute in float, with their own orders of sums.
TOLERANCE = 1e-5


def tensors(folder, kind, count):
    paths = [f"{folder}/test_data_set_0/{kind}_{i}.pb" for i in range(count)]
    assert len(glob.glob(f"{folder}/test_data_set_0/{kind}_*.pb")) == count, f"{folder}: {kind}s"
    arrays = {}
    for path in paths:
        proto = onnx.TensorProto.FromString(open(path, "rb").read())
        array = onnx.numpy_helper.to_array(proto)
        if proto.data_type == onnx.TensorProto.STRING:
            array = np.array([t.decode() for t in proto.string_data], object).reshape(proto.dims)
        arrays[proto.name] = array
    return arrays


def compare(name, path, folder):
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = tensors(folder, "input", len(session.get_inputs()))
    outputs = [output.name for output in session.get_outputs()]
    expected = tensors(folder, "output", len(outputs))
    got = dict(zip(outputs, session.run(outputs, inputs)))
    rows = len(got[outputs[0]])

    off, largest, same = 0.0, 0.0, True
    for i, output in enumerate(outputs):
        assert got[output].shape == expected[output].shape and got[output].dtype == expected[output].dtype
        if got[output].dtype == np.int64:
            same = same and bool((got[output] == expected[output]).all())
            continue
        most = float(np.abs(expected[output]).max())
        difference = float(np.abs(got[output] - expected[output]).max())
        off = max(off, difference / most)
        if i == 0:
            largest = most
    classes = "same" if same and len(outputs) == 3 else "–" if len(outputs) == 1 else "DIFFER"
    alone = session.run(outputs[:1], {key: value[:1] for key, value in inputs.items()})[0]
    off = max(off, float(np.abs(alone - expected[outputs[0]][:1]).max()) / largest)
    good = off <= TOLERANCE and classes != "DIFFER"
    kinds = f"{len(inputs)} × {list(next(iter(inputs.values())).shape[1:])}"
    print(f"{name:28} {kinds:18} {rows:6,} {largest:12.5g} {off:9.1e}  {classes}{'' if good else '  TOO FAR'}")
    return good


def main(arguments):
    print(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}; tolerance {TOLERANCE:.0e}")
    print(f"{'file':28} {'inputs':18} {'rows':>6} {'largest':>12} {'off by':>9}  label")
    return all([compare(*argument.split("=")) for argument in arguments])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(0 if main(sys.argv[1:]) else 1)
