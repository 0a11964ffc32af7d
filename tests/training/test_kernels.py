"""The kernels that replace Keras's, and what they need of Keras."""

import keras
import pytest


@pytest.mark.parametrize("name", ["_get_variable_index", "_momentums", "_velocities"])
def test_keras_has_the_private_attributes_that_our_kernels_use(name: str) -> None:
    """A built Adam of this Keras has each of them; a release that renames one fails here, by name."""
    optimizer = keras.optimizers.Adam()
    optimizer.build([keras.Variable([0.0])])
    assert hasattr(optimizer, name), (
        f"Keras {keras.__version__} has no Adam.{name}: mend FusedAdam and moments_of in mnistcnn/training/kernels.py"
    )
