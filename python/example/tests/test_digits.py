"""The module against PyTorch, and what it says of arrays that are others."""

import threading
import time
from pathlib import Path

import digits
import numpy as np
import pytest

WEIGHTS = Path(__file__).parents[3] / "examples/microcontroller/lenet.safetensors"
DIGIT = Path(__file__).parents[3] / "examples/microcontroller/digit.pgm"


def five():
    pixels = np.frombuffer(DIGIT.read_bytes()[13:], np.uint8).reshape(28, 28, 1)
    return ((pixels / 255.0 - 0.1306605) / 0.3081078).astype(np.float32)


def test_a_digit_is_recognized():
    y = digits.LeNet.load(WEIGHTS).forward(five())
    assert y.shape == (10,) and y.dtype == np.float32
    assert y.argmax() == 5


def test_outputs_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    net = torch.nn.Sequential()
    for name, layer in [
        ("conv1", torch.nn.Conv2d(1, 6, 5)),
        ("relu1", torch.nn.ReLU()),
        ("pool1", torch.nn.MaxPool2d(2)),
        ("conv2", torch.nn.Conv2d(6, 16, 5)),
        ("relu2", torch.nn.ReLU()),
        ("pool2", torch.nn.MaxPool2d(2)),
        ("flatten", torch.nn.Flatten()),
        ("fc1", torch.nn.Linear(256, 120)),
        ("relu3", torch.nn.ReLU()),
        ("fc2", torch.nn.Linear(120, 84)),
        ("relu4", torch.nn.ReLU()),
        ("head", torch.nn.Linear(84, 10)),
    ]:
        net.add_module(name, layer)
    net.load_state_dict(safetensors.load_file(WEIGHTS))

    x = np.random.default_rng(0).standard_normal((33, 28, 28, 1), np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(x).permute(0, 3, 1, 2)).numpy()
    y = digits.LeNet.load(WEIGHTS).forward_batch(x)
    assert y.shape == (33, 10)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
    one = digits.LeNet.load(WEIGHTS).forward(x[7])
    np.testing.assert_allclose(one, expected[7], rtol=1e-5, atol=1e-5)


def test_several_inputs_and_outputs():
    net = digits.TwoInputs()
    a = np.arange(8.0).reshape(4, 2)
    b = np.arange(12.0).reshape(4, 1, 3) / 12
    both, squashed = net.forward_batch(a, b)
    np.testing.assert_array_equal(both, np.concatenate([a, b[:, 0]], axis=1))
    np.testing.assert_allclose(squashed, np.tanh(both), atol=1e-15)
    one, _ = net.forward(a[1], b[1])
    np.testing.assert_array_equal(one, both[1])
    with pytest.raises(TypeError, match="takes 2 arrays, but 1 came"):
        net.forward(a[1])


def test_a_batch_may_be_empty():
    assert digits.LeNet().forward_batch(np.zeros((0, 28, 28, 1), np.float32)).shape == (0, 10)


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (np.zeros((28, 28), np.float32), ValueError, r"the shape \(28, 28, 1\), but it has \(28, 28\)"),
        (np.zeros((28, 28, 1)), TypeError, "float32, but it is one of float64"),
        (np.zeros((28, 28, 2), np.float32)[:, :, :1], TypeError, "float32 in another order"),
        ([0.0] * 784, TypeError, "must be a NumPy array of float32, but it is `list`"),
        (None, TypeError, "but it is `NoneType`"),
        (np.zeros((28, 28, 1), ">f4"), TypeError, "contiguous array of float32"),
    ],
)
def test_other_arrays_are_refused(x, error, words):
    with pytest.raises(error, match=words):
        digits.LeNet().forward(x)


def test_other_batches_are_refused():
    words = r"the shape \(28, 28, 28, 1\), a batch of \[28, 28, 1\], but it has \(28, 28, 1\)"
    with pytest.raises(ValueError, match=words):
        digits.LeNet().forward_batch(np.zeros((28, 28, 1), np.float32))
    with pytest.raises(TypeError):
        digits.LeNet().forward_batch(3)


def test_weights_are_written_and_read(tmp_path):
    net = digits.LeNet(seed=7)
    net.save(tmp_path / "net.safetensors")
    copy = digits.LeNet.load(str(tmp_path / "net.safetensors"))
    np.testing.assert_array_equal(net.forward(five()), copy.forward(five()))
    assert not np.array_equal(net.forward(five()), digits.LeNet().forward(five()))
    assert digits.LeNet.PARAMS == 44426

    with pytest.raises(OSError, match="nowhere"):
        digits.LeNet.load(tmp_path / "nowhere")
    with pytest.raises(OSError, match="no folder"):
        net.save(tmp_path / "no folder" / "net.safetensors")
    (tmp_path / "damaged").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        digits.LeNet.load(tmp_path / "damaged")


def test_other_threads_run_meanwhile():
    """A thread counts while another computes: the lock of the interpreter is released."""
    net = digits.LeNet()
    x = np.zeros((2000, 28, 28, 1), np.float32)
    start = time.perf_counter()
    net.forward_batch(x)
    alone = time.perf_counter() - start

    worker = threading.Thread(target=net.forward_batch, args=(x,))
    turns, longest, before = 0, 0.0, time.perf_counter()
    worker.start()
    while worker.is_alive():
        turns += 1
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    assert turns > 10
    assert longest < max(alone, 0.05)
