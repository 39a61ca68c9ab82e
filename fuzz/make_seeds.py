"""Makes the seeds of the fuzz targets anew: fuzz/make_seeds.py PROGRAM, the ztilde program."""
import gzip, json, struct, subprocess, sys, tempfile, zlib
from pathlib import Path

program = Path(sys.argv[1]).resolve()
seeds = Path(__file__).parent / "seeds"


def put(target, name, content):
    (seeds / target).mkdir(parents=True, exist_ok=True)
    (seeds / target / name).write_bytes(content)


def idx(shape, content):
    return bytes([0, 0, 8, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + content


def pair(images, labels=b""):
    return struct.pack("<H", len(images)) + images + labels


images, labels = idx([3, 2, 2], bytes(range(12))), idx([3], bytes([0, 2, 1]))
put("idx", "images", pair(images))
put("idx", "images_and_labels", pair(images, labels))
put("idx", "gzip", pair(gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)))
put("idx", "too_short", pair(images[:-1], labels))
put("idx", "huge", pair(idx([0xFFFFFFFF, 0xFFFFFFFF], b"x"), idx([0xFFFFFFFF], b"")))
put("idx", "no_rows", pair(idx([0, 2], b""), idx([0], b"")))


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(depth, kind, rows, *more, interlaced=0, width=4, height=2):
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(components, frame=0xC0, scan=b"\x3f", last=63):
    """8 × 8 pixels whose coefficients are all 0: one code of one bit for each of the two tables."""
    ids = range(1, components + 1)
    table = bytes([1] + [0] * 15 + [0])
    return (b"\xff\xd8" + segment(0xDB, bytes([0] + [1] * 64)) + segment(0xC4, b"\x00" + table) + segment(0xC4, b"\x10" + table)
            + segment(frame, bytes([8, 0, 8, 0, 8, components]) + b"".join(bytes([i, 0x11, 0]) for i in ids))
            + segment(0xDA, bytes([components]) + b"".join(bytes([i, 0]) for i in ids) + bytes([0, last, 0])) + scan + b"\xff\xd9")


put("image", "grey.png", png(8, 0, bytes([0, 1, 2, 3, 4, 1, 5, 6, 7, 8])))
put("image", "colour16.png", png(16, 2, (b"\0" + bytes(range(24))) * 2))
put("image", "alpha.png", png(8, 6, (b"\2" + bytes(range(16))) * 2))
put("image", "palette.png", png(2, 3, b"\0\x1b\0\xe4", chunk(b"PLTE", bytes(range(12))), chunk(b"tRNS", b"\0\x80")))
put("image", "interlaced.png", png(8, 0, b"".join(b"\0" + bytes(n) for n in (1, 1, 2, 4)), interlaced=1))
put("image", "huge.png", png(8, 0, b"\0", width=0x7FFFFFFF, height=0x7FFFFFFF))
put("image", "grey.jpg", jpeg(1))
put("image", "colour.jpg", jpeg(3, scan=b"\x03"))
put("image", "cmyk.jpg", jpeg(4, scan=b"\0"))
put("image", "progressive.jpg", jpeg(1, frame=0xC2, scan=b"\x7f", last=0))
put("image", "other.gif", b"GIF89a\1\0\1\0")

dense = {"layer": "dense", "outputs": 3, "bias": False}
layers = [{"layer": "standardise"}, dense,
          {"layer": "batch_norm", "epsilon": 1e-5, "keep": 0.9, "running_variance": "unbiased"},
          {"layer": "activation", "kind": "gelu"}, {"layer": "dropout", "probability": 0.5}, {"layer": "dense", "outputs": 1}]
put("network_json", "all_layers", json.dumps({"inputs": 4, "layers": layers}).encode())
conv = {"layer": "conv2d", "outputs": 4, "kernel": 3, "stride": 1, "padding": 1, "depthwise": False, "bias": False}
norm, relu = {"layer": "batch_norm"}, {"layer": "activation", "kind": "relu"}
images = [conv, norm, relu, dict(conv, stride=2), norm, {"layer": "shortcut", "back": 3}, dict(conv, kernel=1, stride=2, padding=0),
          {"layer": "add", "back": 3}, {"layer": "max_pool", "kernel": 2, "stride": 2}, dict(conv, depthwise=True),
          {"layer": "average_pool", "kernel": 2, "stride": 1}, {"layer": "flatten"}, {"layer": "dense", "outputs": 3}]
put("network_json", "images", json.dumps({"inputs": 64, "height": 8, "width": 8, "layers": images}).encode())
put("network_json", "template", json.dumps({"layers": [{"layer": "dense", "outputs": 8}, {"repeat": 3, "layers": [
    {"layer": "dense", "outputs": 8}, relu, {"layer": "add", "back": 3}]}, {"layer": "dense"}]}).encode())
put("network_json", "template_of_images", json.dumps({"height": 8, "width": 8, "layers": [
    {"repeat": "depth", "layers": [conv, norm, relu]}, {"layer": "global_average_pool"}, {"layer": "dense"}]}).encode())
put("network_json", "large", b'{"inputs": 18446744073709551615, "layers": [{"layer": "dense", "outputs": 4294967296}]}')
put("network_json", "twice", b'{"inputs": 1, "inputs": 2, "layers": []}')
put("network_json", "nested", b"[" * 200)
put("network_json", "numbers", b'{"inputs": 1e400, "layers": [{"layer": "batch_norm", "keep": -0.0, "epsilon": 1e-400}]}')



def onnx_model(name, opset, input_shape, nodes, **weights):
    """Needs Debian's python3-onnx and python3-numpy."""
    import numpy
    from onnx import TensorProto, helper, numpy_helper
    make = lambda shape, seed: (((numpy.arange(int(numpy.prod(shape))) * 7 + 5 * seed) % 13 - 6) / 8).astype("float32").reshape(shape)
    tensors = [numpy_helper.from_array(numpy.array(w, "int64") if isinstance(w, list) else numpy.full((), w, "float32")
                                       if isinstance(w, float) else 1 + abs(make(w, i)) if key.startswith("var") else make(w, i), key)
               for i, (key, w) in enumerate(weights.items())]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", *input_shape])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors)
    model = helper.make_model(graph, producer_name="seed", opset_imports=[helper.make_opsetid("", opset)])
    put("onnx", name, model.SerializeToString())


def onnx_seeds():
    from onnx.helper import make_node as node
    norm = lambda x, y, **more: node("BatchNormalization", [x, "gamma", "beta", "mean", "var"], [y], **more)
    four = dict(gamma=(4,), beta=(4,), mean=(4,), var=(4,))
    onnx_model("table", 17, [3], [
        node("Sub", ["x", "shift"], ["a"]), node("Div", ["a", "scale"], ["b"]), node("MatMul", ["b", "w"], ["c"]),
        node("Add", ["c", "bias"], ["d"]), norm("d", "e"), node("Sigmoid", ["e"], ["f"]), node("Mul", ["e", "f"], ["g"]),
        node("Div", ["g", "root"], ["h"]), node("Erf", ["h"], ["i"]), node("Add", ["i", "one"], ["j"]), node("Mul", ["g", "j"], ["k"]),
        node("Mul", ["k", "half"], ["l"]), node("Gemm", ["l", "w2", "b2"], ["m"], transB=1, alpha=0.5), node("Softmax", ["m"], ["y"])],
        shift=(3,), scale=2.0, w=(3, 4), bias=(4,), root=2.0 ** 0.5, one=1.0, half=0.5, w2=(3, 4), b2=(3,), **four)
    onnx_model("image", 11, [2, 6, 5], [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], kernel_shape=[3, 3]), norm("a", "b", epsilon=1e-3, momentum=0.8),
        node("Relu", ["b"], ["c"]), node("Conv", ["c", "d1", "db"], ["d"], auto_pad="SAME_UPPER", group=4), node("Add", ["d", "c"], ["e"]),
        node("MaxPool", ["e"], ["f"], kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", ["f"], ["g"]), node("MatMul", ["g", "v"], ["y"])],
        w=(4, 2, 3, 3), d1=(4, 1, 3, 3), db=(4,), v=(24, 2), **four)
    onnx_model("channels_last", 13, [4, 4, 2], [
        node("Transpose", ["x"], ["a"], perm=[0, 3, 1, 2]), node("Conv", ["a", "w"], ["b"], dilations=[2, 2]),
        node("LeakyRelu", ["b"], ["c"]), node("GlobalAveragePool", ["c"], ["d"]), node("Squeeze", ["d", "axes"], ["e"]),
        node("Unsqueeze", ["e", "axes"], ["f"]), node("Shape", ["f"], ["g"]), node("Gather", ["g", "zero"], ["h"]),
        node("Concat", ["h", "rest"], ["i"], axis=0), node("Reshape", ["f", "i"], ["j"]), node("Gemm", ["j", "v"], ["k"]),
        node("Sigmoid", ["k"], ["y"])], w=(4, 2, 2, 2), axes=[2, 3], zero=[0], rest=[-1], v=(4, 1))
    onnx_model("old", 6, [4, 3], [
        norm("x", "a", is_test=1, spatial=1), node("Tanh", ["a"], ["b"]), node("Add", ["b", "t"], ["c"], broadcast=1, axis=1),
        node("AveragePool", ["d"], ["never"]), node("Dropout", ["c"], ["e"], is_test=1, ratio=0.25), node("Flatten", ["e"], ["f"]),
        node("Transpose", ["w"], ["v"], perm=[1, 0]), node("MatMul", ["f", "v"], ["y"])], t=(4,), w=(2, 12), d=(1, 1, 2, 2), **four)


onnx_seeds()

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    (folder / "rows.csv").write_text("a,b,kind\n" + "".join(f"{r},{r * r % 7},{'xyz'[r % 3]}\n" for r in range(30)))
    (folder / "numbers.csv").write_text("a,y\n" + "".join(f"{r},{r * 1.5}\n" for r in range(30)))

    def model(name, data, *options):
        subprocess.run([program, "train", "--data", data, "--hidden", "2", "--epochs", "1", "--quiet", "--out", name, *options],
                       cwd=folder, check=True)
        put("model_file", name, (folder / name).read_bytes())

    model("classify", "rows.csv", "--checkpoint", "run.ckpt")
    model("regress", "numbers.csv", "--statistics", "running", "--norm", "none")
    put("model_file", "checkpoint", (folder / "run.ckpt").read_bytes())
    # Of the same network as fuzz/checkpoint.cpp trains, so that its tensors have the right shapes.
    (folder / "small.csv").write_text("x,c\n" + "".join(f"{r * r % 7},{'ab'[r % 2]}\n" for r in range(12)))
    subprocess.run([program, "train", "--data", "small.csv", "--hidden", "2", "--batch", "4", "--epochs", "2", "--valid-fraction",
                    "0", "--quiet", "--out", "m", "--checkpoint", "small.ckpt"], cwd=folder, check=True)
    put("checkpoint", "small", (folder / "small.ckpt").read_bytes())
    put("checkpoint", "other_run", (folder / "run.ckpt").read_bytes())
    put("checkpoint", "model", (folder / "classify").read_bytes())

with tempfile.TemporaryDirectory() as folder:
    table, out = Path(folder) / "t.csv", Path(folder) / "p"
    table.write_text("a,b,kind\n1,x,u\n,y,v\n3,x,u\n4,y,v\n")
    subprocess.run([program, "pack", "--data", table, "--out", out, "--order", "kept", "--missing", "mean", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    packed = out.read_bytes()
put("pack", "table", b"\0" + packed)
put("pack", "mended", b"\1" + packed.replace(b'"classify"', b'"regress" '))
put("pack", "cut", b"\0" + packed[:5000])
put("pack", "header", b"\1" + packed[:-5])
