"""Explanations: activations against Keras, occlusion against covering one square after another by hand."""

import keras
import numpy as np
import pytest
from helpers import DIGITS

from mnistcnn.errors import MnistcnnError
from mnistcnn.inference.explanation import effects_of_covering, explain, filters
from mnistcnn.model.inputs import model_inputs
from mnistcnn.model.model_file import TrainedModel, load_model
from mnistcnn.model.pretrained import FILE
from mnistcnn.results import Prediction

IMAGE = DIGITS.split("test").images[3]
PREDICTION = Prediction(file="3.png", probabilities=(0.0,) * 7 + (0.3, 0.7, 0.0), image=IMAGE)


@pytest.fixture(scope="module")
def in_keras() -> TrainedModel:
    """The pretrained model in Keras."""
    return load_model(FILE)


def test_activations_equal_keras(in_keras: TrainedModel) -> None:
    """Every layer's output has Keras's shape and, to 1e-5, Keras's values, whatever the model computes on."""
    model = in_keras.model
    names = ["conv1", "pool1", "conv2", "pool2", "dense", "logits", "probabilities"]
    outputs = keras.Model(model.input, {name: model.get_layer(name).output for name in names})(
        model_inputs(IMAGE[None])
    )
    for trained in (in_keras, load_model(FILE, "numpy")):
        found = explain(trained, PREDICTION).activations
        assert list(found) == names
        for name in names:
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(found[name], np.asarray(outputs[name])[0], atol=1e-5, err_msg=name)


def test_effects_are_what_covering_a_square_changes() -> None:
    """The effect at a place is the evidence of the image less that of the image with the 6×6 square there in black."""
    trained = load_model(FILE, "numpy")
    effects = effects_of_covering(trained, IMAGE)
    assert effects.shape == (14, 14, 10)
    assert effects.dtype == np.float32
    for row, column in ((0, 0), (6, 7), (13, 13), (4, 9)):
        covered = np.pad(IMAGE, 2)
        covered[2 * row : 2 * row + 6, 2 * column : 2 * column + 6] = 0
        before, after = trained.logits(np.stack([IMAGE, covered[2:-2, 2:-2]]))
        expected = (before - before.mean()) - (after - after.mean())
        np.testing.assert_allclose(effects[row, column], expected, atol=1e-4)


def test_ink_of_a_digit_speaks_for_it() -> None:
    """In sum, covering the ink takes evidence from the digit that is shown; where ink is missing, nothing changes."""
    trained = load_model(FILE, "numpy")
    effects = effects_of_covering(trained, IMAGE)
    assert effects[..., int(DIGITS.split("test").labels[3])].sum() > 0
    assert not effects[0, 0].any()


def test_a_prediction_without_a_digit_cannot_be_explained(in_keras: TrainedModel) -> None:
    """The error of the prediction is raised."""
    with pytest.raises(MnistcnnError, match="no digit found"):
        explain(in_keras, Prediction(file="a.png", error="a.png: no digit found"))


def test_the_runner_up_is_the_second_likeliest_digit(in_keras: TrainedModel) -> None:
    """An explanation's runner-up is the second likeliest digit of the prediction that is explained."""
    assert explain(in_keras, PREDICTION).runner_up == 7


def test_filters_are_the_kernels_of_the_model(in_keras: TrainedModel) -> None:
    """Those of the two convolutions, with the model's name."""
    found = filters(in_keras, "mine")
    assert (found.model, found.conv1.shape, found.conv2.shape) == ("mine", (5, 5, 1, 32), (5, 5, 32, 64))
    np.testing.assert_array_equal(found.conv2, in_keras.model.get_layer("conv2").get_weights()[0])
