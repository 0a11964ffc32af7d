"""Small random distortions of digits, drawn anew at every training step.

Each picture is resampled once: a random affine map (rotation, scale, shear, shift) plus a smooth random displacement
field, the elastic distortion of Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied
to Visual Document Analysis" (ICDAR 2003). Both are linear in their random parameters, so one matrix product gives the
coordinates of every pixel of the batch, and one gather reads them, bilinearly interpolated.

The result is a function of (seed, step) alone: a resumed run, or another process, sees the same pictures.
"""

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

SIZE = 28
CENTRE = (SIZE - 1) / 2

ROTATION = 0.25  # radians, either way, like all that follow
SCALE = 0.15  # of the size, height and width apart
SHEAR = 0.2  # the slant: pixels sideways for each pixel down
SHIFT = 2.0  # pixels, down and right apart
ELASTIC = 0.6  # root mean square of the displacement, in pixels

KNOTS = 7  # the displacement field is a sum of KNOTS x KNOTS Gaussian bumps ...
SMOOTHNESS = 4.0  # ... of this standard deviation, in pixels: Simard's sigma


def augment(images: tf.Tensor, seed: int, step: tf.Tensor, *, batch_size: int, rows: slice) -> tf.Tensor:
    """Distort each picture of a batch in its own way.

    `images` (B, 28, 28, 1) float32 in [0, 1] lie on a background of 0; `seed` is the run's and `step`, an int64
    scalar, the training step that the batch is for. The images are the `rows` of a batch of `batch_size`, so that
    parts of it are distorted as they would be in the whole. The result is like `images`, and the same for the same.
    """
    keys = tf.random.split(tf.stack([tf.constant(seed, tf.int64), step]), 2, alg="philox")
    parameters = tf.concat([_affine(batch_size, keys[0]), _elastic(batch_size, keys[1])], axis=2)[rows]
    coordinates = tf.reshape(parameters, (-1, parameters.shape[2])) @ tf.constant(_basis())  # (B * 2, P)
    return _resample(images, tf.reshape(coordinates, (-1, 2, SIZE * SIZE)))


def _affine(batch_size: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Draw affine maps from pixels of the result to the source: rows (1, y, x) -> y and x, `(B, 2, 3)`."""
    uniform = tf.random.stateless_uniform((6, batch_size), key, -1.0, 1.0, alg="philox")
    angle, shear = ROTATION * uniform[0], SHEAR * uniform[1]
    height, width = 1.0 + SCALE * uniform[2], 1.0 + SCALE * uniform[3]
    cos, sin = tf.cos(angle), tf.sin(angle)
    rows = [
        [CENTRE + SHIFT * uniform[4], height * (cos - shear * sin), height * -sin],
        [CENTRE + SHIFT * uniform[5], width * (sin + shear * cos), width * cos],
    ]
    return tf.transpose(tf.stack([tf.stack(row) for row in rows]), (2, 0, 1))


def _elastic(batch_size: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Draw the heights of the bumps of the displacement fields, `(B, 2, K)`."""
    shape = (batch_size, 2, KNOTS * KNOTS)
    return tf.random.stateless_normal(shape, key, stddev=ELASTIC, alg="philox")


def _basis() -> npt.NDArray[np.float32]:
    """Tabulate what the parameters weigh: 1, y, x and K bumps, each at all P pixels, `(3 + K, P)`."""
    pixels = np.arange(SIZE) - CENTRE  # (S,)
    knots = np.linspace(-CENTRE, CENTRE, KNOTS)
    bumps = np.exp(-0.5 * ((pixels - knots[:, None]) / SMOOTHNESS) ** 2)  # (KNOTS, S)
    fields = np.einsum("ay,bx->abyx", bumps, bumps).reshape(KNOTS**2, SIZE**2)  # (K, P)
    fields /= math.sqrt(np.mean(np.sum(fields**2, axis=0)))  # unit heights displace by 1 pixel RMS
    y, x = np.meshgrid(pixels, pixels, indexing="ij")
    return np.vstack([np.ones(SIZE**2), y.ravel(), x.ravel(), fields]).astype(np.float32)


def _resample(images: tf.Tensor, coordinates: tf.Tensor) -> tf.Tensor:
    """Read `images` at `coordinates` `(B, 2, P)`, bilinearly, with 0 outside."""
    # A picture with a border of one pixel has (S + 1) x (S + 1) cells; a convolution lists the four corners of each.
    corners = tf.nn.conv2d(images, tf.reshape(tf.eye(4), (2, 2, 1, 4)), 1, ((0, 0), (1, 1), (1, 1), (0, 0)))
    coordinates = tf.clip_by_value(coordinates + 1.0, 0.0, SIZE + 1.0)
    cells = tf.minimum(tf.floor(coordinates), float(SIZE))
    y, x = tf.unstack(coordinates - cells, axis=1)  # (B, P), in [0, 1]
    row, column = tf.unstack(tf.cast(cells, tf.int32), axis=1)  # (B, P)
    first = tf.range(tf.shape(images)[0])[:, None] * (SIZE + 1) ** 2  # (B, 1)
    cell = tf.gather(tf.reshape(corners, (-1, 4)), first + row * (SIZE + 1) + column)  # (B, P, 4)
    upper_left, upper_right, lower_left, lower_right = tf.unstack(cell, axis=2)  # (B, P)
    upper = upper_left + x * (upper_right - upper_left)
    lower = lower_left + x * (lower_right - lower_left)
    return tf.reshape(upper + y * (lower - upper), tf.shape(images))
