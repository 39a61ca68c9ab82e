"""Makes the seeds of the fuzz targets anew: fuzz/make_seeds.py PROGRAM, the ztilde program."""
import gzip, json, struct, subprocess, sys, tempfile
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
