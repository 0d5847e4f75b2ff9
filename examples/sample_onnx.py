"""The images of `ncsn sample`, by ONNX Runtime and NumPy alone.

    ncsn export --model m.safetensors --onnx m.onnx
    pip install numpy onnxruntime
    python examples/sample_onnx.py m.onnx images.npy --seed 1 -n 16

With the same settings, seed and class, these are the images of `ncsn sample --out images.npy`, but
for a pixel here and there that rounding makes lighter or darker by one of 255 steps. Without a class,
images of a model with classes show those that `ncsn sample` draws for them.
"""

import argparse
import json

import numpy as np
import onnxruntime

START = 2**32 - 1  # the step that keys the noise of a chain's start
CLASS = 2**32 - 2  # the step that keys the class of a chain


def pcg4d(x, y, z, w):
    """The hash of Jarzynski & Olano (2020): four 32-bit words in, four out."""
    x, y, z, w = (v * np.uint32(1664525) + np.uint32(1013904223) for v in (x, y, z, w))
    for last in (False, True):
        x = x + y * w
        y = y + z * x
        z = z + x * y
        w = w + y * z
        if not last:
            x, y, z, w = (v ^ (v >> np.uint32(16)) for v in (x, y, z, w))
    return x, y, z, w


def words(seed, step, shape):
    """The random words of all pixels of chains 0, 1, 2, … in a step."""
    index = np.arange(np.prod(shape[1:]), dtype=np.uint32)[None, :]
    index = index + np.uint32((seed >> 32) * 0x9E3779B1 % 2**32)
    chain = np.arange(shape[0], dtype=np.uint32)[:, None]
    index, chain = np.broadcast_arrays(index, chain)
    fill = lambda word: np.full(index.shape, word, np.uint32)
    return pcg4d(index, chain, fill(step), fill(seed % 2**32))


def unit(word):
    """Numbers in (0, 1]."""
    return (word >> np.uint32(8)).astype(np.float32) / np.float32(2**24) + np.float32(2**-25)


def normal(seed, step, shape):
    """Standard normal numbers, by Box & Muller's transform."""
    a, b, _, _ = words(seed, step, shape)
    z = np.sqrt(-2 * np.log(unit(a).astype(np.float64))) * np.cos(2 * np.pi * unit(b))
    return z.reshape(shape).astype(np.float32)


def start(table, seed, shape):
    """The images that chains start with."""
    if "sigma" in table:
        return np.float32(table["mean"]) + np.float32(table["sigma"]) * normal(seed, START, shape)
    uniform = unit(words(seed, START, shape)[0]).reshape(shape)
    return np.float32(table["low"]) + np.float32(table["high"] - table["low"]) * uniform


def sample(score, table, seed, shape):
    """Follows a step table; `score(x, sigma)` is the network. Returns N × C × H × W in [0, 1]."""
    x = start(table["start"], seed, shape)
    before, denoised = np.zeros_like(x), [x, x]  # the score, and the last two denoised images
    for number, row in enumerate(table["steps"]):
        sigma = np.float32(row["sigma"])
        s, z = score(x, sigma), normal(seed, number, shape)
        if "snr" in row:  # a corrector, which measures the score
            norm2 = (s**2).sum(axis=(1, 2, 3), keepdims=True)
            size = np.minimum(2 * row["snr"] ** 2 * x[0].size / norm2, sigma**2).astype(np.float32)
            change = size * s + np.sqrt(2 * size) * z
        else:
            change = np.float32(row["drift"]) * s + np.float32(row["noise"]) * z
            change += np.float32(row.get("previous", 0)) * before
            for factor, earlier in zip(row.get("earlier", []), denoised):
                change += np.float32(factor) * (earlier - x)
        before, denoised = s, [x + sigma**2 * s, denoised[0]]
        x = x + change
    return x.clip(0, 1)


def drawn_classes(card, seed, count):
    """The class of each image that is not asked for one, by how often they occur in training."""
    images = [each["images"] for each in card.get("classes", [])]
    if not images:
        return None
    uniform = unit(words(seed, CLASS, (count, 1))[0][:, 0])
    drawn = []
    for left in np.minimum(uniform, np.float32(1 - 2**-24)).astype(np.float64) * sum(images):
        for label, number in enumerate(images):
            left -= number
            if left <= 0:
                break
        drawn.append(label)
    return drawn


def class_number(card, text):
    """The number of the class that is given by its name, by its number, counted from 0, or by a part of
    a name that no other class has.

    Where all names are whole numbers, a number means the name: 7 is the class 007.
    """
    classes = card.get("classes", [])
    names = [each["name"] for each in classes]
    text = str(text)
    is_whole = lambda name: name.isascii() and name.isdigit()
    if all(map(is_whole, names)):
        numbers = {int(name): label for label, name in reversed(list(enumerate(names)))}
    else:
        numbers = {label: label for label in range(len(names))}
    having = [label for label, name in enumerate(names) if text in name]
    if text in names:
        label = names.index(text)
    elif is_whole(text) and int(text) in numbers:
        label = numbers[int(text)]
    elif len(having) == 1 and any(map(str.isalpha, text)):
        label = having[0]
    else:
        raise ValueError(f"there is no class {text}; there are: {', '.join(names) or 'none'}")
    if not classes[label]["images"] and any(each["images"] for each in classes):
        raise ValueError(f"no image of class {names[label]} was trained on")
    return label


def score_of(session, label=None, guidance=1.0):
    """The network as a function of noisy images and their noise level.

    `label` is a class's number, or a list with that of each image, for a file with a dynamic batch;
    `guidance` is the scale of classifier-free guidance to it.
    """
    names = {each.name for each in session.get_inputs()}
    card = metadata(session, "card")
    none = len(card.get("classes", []))  # the row after the last class
    # A network that takes the scale as an input was trained for those from 1 to its largest.
    is_input = 1 <= guidance <= card["architecture"].get("guidance_max", 0)

    def evaluate(x, sigma, label):
        labels = np.unique(none if label is None else label)
        if len(labels) > 1:
            labels = np.array(label)
        labels = labels.astype(np.int64)
        inputs = {"x": x, "sigma": np.full(labels.shape, sigma, np.float32)}
        if "class" in names:
            inputs["class"] = labels
        if "guidance" in names:
            inputs["guidance"] = np.full(labels.shape, guidance if is_input else 1, np.float32)
        return session.run(["score"], inputs)[0]

    def guided(x, sigma):
        score = evaluate(x, sigma, label)
        if guidance == 1 or label is None or is_input:
            return score
        return score + np.float32(guidance - 1) * (score - evaluate(x, sigma, None))

    return guided


def metadata(session, name):
    """What `ncsn export` wrote into the file: `card` or `step_table`."""
    return json.loads(session.get_modelmeta().custom_metadata_map[name])


def image_shape(session):
    """Channels, height and width."""
    [x] = [each for each in session.get_inputs() if each.name == "x"]
    return x.shape[1:]


def main():
    parser = argparse.ArgumentParser(description="Draw images from a model that `ncsn export` wrote.")
    parser.add_argument("model", help="an .onnx file with a dynamic batch")
    parser.add_argument("out", help="the .npy to write: uint8, N×H×W(×C)")
    parser.add_argument("-n", type=int, default=16, help="how many images")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--class", dest="label", help="the class, by name, number or part of a name")
    parser.add_argument("--guidance", type=float, default=1, help="the scale of guidance to it")
    arguments = parser.parse_args()

    network = onnxruntime.InferenceSession(arguments.model, providers=["CPUExecutionProvider"])
    card = metadata(network, "card")
    if arguments.label is None:
        label = drawn_classes(card, arguments.seed, arguments.n)
    else:
        try:
            label = class_number(card, arguments.label)
        except ValueError as problem:
            parser.error(str(problem))
    score = score_of(network, label, arguments.guidance)
    table = metadata(network, "step_table")
    shape = (arguments.n, *image_shape(network))
    x = sample(score, table, arguments.seed, shape)
    images = (x * np.float32(255) + np.float32(0.5)).astype(np.uint8).transpose(0, 2, 3, 1)
    np.save(arguments.out, images[..., 0] if shape[1] == 1 else images)


if __name__ == "__main__":
    main()
