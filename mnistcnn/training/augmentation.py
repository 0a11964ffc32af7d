"""Small random distortions of digits, drawn anew at every training step.

Each picture is resampled once: a random affine map (rotation, scale, shear, shift) plus a smooth random displacement
field, the elastic distortion of Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied
to Visual Document Analysis" (ICDAR 2003). Both are linear in their random parameters, so one matrix product gives the
coordinates of every pixel of the batch, and one gather reads them, bilinearly interpolated.

Some of the 1s get a flag. MNIST's writers rarely draw one, and a network that has only seen theirs reads the 1 of most
other countries as a 7. A flag is read from the same picture by coordinates of its own: were it drawn first and then
resampled with its 1, it would be blurred twice, and a network would know these 1s by that alone.

And some images are turned or mirrored into what is no digit, for which the network is to favour none: so it learns to
know when it does not know (Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier Exposure", 2019).
A 3 on its back is an M, a 7 by half a turn an L.

The result is a function of (seed, step) alone: a resumed run, or another process, sees the same pictures.
"""

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnistcnn.config import SIZE

CENTRE = (SIZE - 1) / 2

ROTATION = 0.25  # radians, either way, like all that follow
SCALE = 0.1  # of the size, height and width apart
SHEAR = 0.2  # the slant: pixels sideways for each pixel down
SHIFT = 2.0  # pixels, down and right apart
ELASTIC = 0.3  # root mean square of the displacement, in pixels

FLAGGED = 0.4  # share of the 1s that get a flag, of those ...
UPRIGHT = 0.5  # ... whose stroke moves fewer columns a row: at a slant, it would be a 7
FLAG_LENGTH = (0.25, 0.7)  # of the stroke's
FLAG_ANGLE = (0.6, 1.0)  # radians between the flag and the vertical

OUTLIERS = 0.05  # share of images that get one of eight reflections, drawn evenly, where it is among these:
TRANSPOSED, UPSIDE_DOWN, MIRRORED = 1, 2, 4  # done in this order, and added up
QUARTER_TURNS = (TRANSPOSED + UPSIDE_DOWN, TRANSPOSED + MIRRORED)
NO_DIGIT = (  # reflections by digit, and only those in which no writer's hand would make another digit
    (),  # 0
    (),  # 1: where it slants, turned or mirrored it is a 1 still
    QUARTER_TURNS,  # 2: mirrored it is close to a 5
    (*QUARTER_TURNS, MIRRORED),  # 3
    QUARTER_TURNS,  # 4: by half a turn it is close to a 6
    QUARTER_TURNS,  # 5: mirrored it is close to a 2
    QUARTER_TURNS,  # 6: upside down it is close to a 9
    (*QUARTER_TURNS, MIRRORED, UPSIDE_DOWN, UPSIDE_DOWN + MIRRORED),  # 7
    (),  # 8
    QUARTER_TURNS,  # 9: upside down it is close to a 6
)

KNOTS = 7  # the displacement field is a sum of KNOTS x KNOTS Gaussian bumps ...
SMOOTHNESS = 4.0  # ... of this standard deviation, in pixels: Simard's sigma


def augment(
    images: tf.Tensor, labels: tf.Tensor, seed: int, step: tf.Tensor, *, batch_size: int, rows: slice
) -> tuple[tf.Tensor, tf.Tensor]:
    """Distort each picture of a batch in its own way, and make of some what is no digit.

    `images` (B, 28, 28, 1) float32 in [0, 1] lie on a background of 0, `labels` (B,) are integers; `seed` is the run's
    and `step`, an int64 scalar, the training step that the batch is for. The images are the `rows` of a batch of
    `batch_size`, so that parts of it are distorted as they would be in the whole. Returns images like `images`, and
    whether each (B,) still shows its digit, as the batch's first always does; the same for the same.
    """
    keys = tf.random.split(tf.stack([tf.constant(seed, tf.int64), step]), 4, alg="philox")
    images, is_digit = _with_outliers(images, labels, keys[3], batch_size, rows)
    parameters = tf.concat([_affine(batch_size, keys[0]), _elastic(batch_size, keys[1])], axis=2)
    # A product of matrices may round each row differently in a smaller one, so the whole batch's is taken apart.
    coordinates = _coordinates(parameters)[rows]
    uniform = tf.random.stateless_uniform((3, batch_size), keys[2], alg="philox")[:, rows]
    chosen = tf.where((labels == 1) & is_digit & (uniform[0] < FLAGGED))  # (F, 1)
    angle, length = tf.unstack(tf.gather(uniform[1:], chosen[:, 0], axis=1))
    flags = _flags(tf.gather_nd(images, chosen), tf.gather_nd(coordinates, chosen), angle, length)
    return tf.tensor_scatter_nd_max(_resample(images, coordinates), chosen, flags), is_digit


def _with_outliers(
    images: tf.Tensor, labels: tf.Tensor, key: tf.Tensor, batch_size: int, rows: slice
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reflect some of the images (B, 28, 28, 1) so that they show no digit; return them, and which (B,) still do."""
    allowed = np.array([np.isin(np.arange(8), reflections) for reflections in NO_DIGIT])  # (10, 8)
    uniform = tf.random.stateless_uniform((2, batch_size), key, alg="philox")[:, rows]
    reflection = tf.cast(8 * uniform[1], tf.int32)  # (B,)
    is_outlier = tf.gather_nd(allowed, tf.stack([tf.cast(labels, tf.int32), reflection], 1)) & (uniform[0] < OUTLIERS)
    is_outlier &= tf.range(batch_size)[rows] > 0  # a record, which is of digits, has one to tell of
    reflection = tf.where(is_outlier, reflection, 0)[:, None, None, None]
    images = tf.where(reflection & TRANSPOSED > 0, tf.transpose(images, (0, 2, 1, 3)), images)
    images = tf.where(reflection & UPSIDE_DOWN > 0, images[:, ::-1], images)
    images = tf.where(reflection & MIRRORED > 0, images[:, :, ::-1], images)
    return images, ~is_outlier


def _flags(ones: tf.Tensor, coordinates: tf.Tensor, angle: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Return the flag for each 1, `(F, 28, 28, 1)`: its own stroke, shortened and turned about its upper end.

    It is distorted as its 1 is, by `coordinates` `(F, 2, P)`. `angle` and `length` (F,) in [0, 1) say where in their
    ranges the flag's are. A slanting 1 gets an empty picture.
    """
    pixels = tf.range(float(SIZE)) - CENTRE
    by_row = tf.reduce_sum(ones, (2, 3))  # (F, S)
    by_row_x = tf.linalg.matvec(ones[..., 0], pixels)  # (F, S)
    ink = tf.reduce_sum(by_row, 1) + 1e-6
    y, x = tf.reduce_sum(by_row * pixels, 1) / ink, tf.reduce_sum(by_row_x, 1) / ink
    variance = tf.reduce_sum(by_row * pixels**2, 1) / ink - y**2
    covariance = tf.reduce_sum(by_row_x * pixels, 1) / ink - x * y
    columns_a_row = covariance / (variance + 1e-6)
    top = tf.reduce_min(tf.where(by_row > 0.5, pixels, CENTRE), 1) + 1.0  # a pixel within the stroke
    end = tf.stack([top, x + columns_a_row * (top - y)], 1)[..., None]  # (F, 2, 1): y, x

    short = FLAG_LENGTH[0] + (FLAG_LENGTH[1] - FLAG_LENGTH[0]) * length
    turned = _along_and_across(FLAG_ANGLE[0] + (FLAG_ANGLE[1] - FLAG_ANGLE[0]) * angle)
    stroke = _along_and_across(-tf.atan(columns_a_row))
    lengthened = tf.stack([1.0 / short, tf.ones_like(short)], 1)[:, None]  # (F, 1, 2): as thick, but not as long
    to_source = (stroke * lengthened) @ tf.linalg.matrix_transpose(turned)  # (F, 2, 2)
    flags = _resample(ones, CENTRE + end + to_source @ (coordinates - CENTRE - end))
    return tf.where((tf.abs(columns_a_row) < UPRIGHT)[:, None, None, None], flags, 0.0)


def _along_and_across(angle: tf.Tensor) -> tf.Tensor:
    """Return the unit vectors (y, x) of a stroke, as columns, `(F, 2, 2)`; at `angle` 0 it goes down, then left."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    return tf.stack([tf.stack([cos, sin], 1), tf.stack([-sin, cos], 1)], 1)


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


def _coordinates(parameters: tf.Tensor) -> tf.Tensor:
    """Return the y and x, `(B, 2, P)`, that `parameters` `(B, 2, 3 + K)` make of the basis."""
    basis = tf.constant(_basis())
    product = tf.reshape(parameters, (-1, basis.shape[0])) @ basis  # (B * 2, P)
    return tf.reshape(product, (-1, 2, SIZE * SIZE))


def _resample(images: tf.Tensor, coordinates: tf.Tensor) -> tf.Tensor:
    """Read `images` `(B, 28, 28, 1)` at `coordinates` `(B, 2, P)`, y and x: bilinear, and 0 outside."""
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
