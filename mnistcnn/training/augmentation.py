"""Random distortions of digits, drawn anew at every training step: a batch of images → images of the same shape.

Each image is resampled once, by a random affine map (rotation, scale, shear, shift) plus a smooth random displacement
field, the elastic distortion of Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied
to Visual Document Analysis" (ICDAR 2003). Both are linear in their random parameters, so one matrix product gives the
coordinates of every pixel of the batch, and one gather reads the pixels, bilinearly interpolated.

Some 1s get a flag. MNIST's writers rarely draw one, and a network that has only seen their 1s reads most other
countries' 1s as 7s. A flag is read from the undistorted image by its own coordinates: drawn first and then resampled
with its 1, it would be blurred twice, and a network would know these 1s by their blur.

Some images are turned or mirrored until they show no digit, and the network is to favour no class for them: so it
learns to be unsure of letters (Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier Exposure",
2019). A 3 on its back is an M, a 7 by half a turn an L. Others become two digits that touch, or one with a part of
another, so that a network tells where the digits of a number end.

The result depends on (seed, step) alone: a resumed run, or another process, sees the same images. Nothing here knows
the network or its loss. The constants were chosen with `tests/benchmarks/ablations.py best`. A comment's losses are of
the 132 real pictures after 3,000 steps (tests/benchmarks/README.md, "What each part of `best` brings").
"""

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from mnistcnn.config import SIZE

CENTRE = (SIZE - 1) / 2  # pixels: the coordinate of an image's middle

# radians: the largest rotation, either way (loss without flags and decay: 0.0111 at 0.2 with SHEAR 0.15, 0.0107 here)
ROTATION = 0.25
# share of the size: the largest change of height or width, either way (loss without flags and decay: 0.0192 at 0.15
# with ELASTIC 0.6, 0.0107 here)
SCALE = 0.1
# columns a row: largest shear, either way (loss without flags and decay: 0.0111 at 0.15 with ROTATION 0.2, 0.0107 here)
SHEAR = 0.2
# pixels: the largest shift down or across, either way (loss 0.0089 at 1, 0.0070 here)
SHIFT = 2.0
# pixels: the displacement field's root mean square (loss without flags and decay: 0.0094 at 0, 0.0107 here)
ELASTIC = 0.3
# count: the displacement field is a sum of KNOTS × KNOTS Gaussian bumps, 4.5 pixels apart (not swept)
KNOTS = 7
# pixels: the standard deviation of a bump (Simard's sigma)
SMOOTHNESS = 4.0

# probability: an upright 1 gets a flag (loss without decay: 0.0107 at 0, 0.0066 here)
FLAGGED = 0.4
# columns a row: the 1s that get a flag slant by less, as a slanting 1 with a flag is a 7 (loss 0.0156 at
# 0.35 with flags up to 0.5, 0.0070 here)
MAX_FLAGGED_SLANT = 0.5
# share of the stroke's length: the shortest and the longest flag (loss 0.0156 up to 0.5 with
# MAX_FLAGGED_SLANT 0.35, 0.0070 here)
FLAG_LENGTH = (0.25, 0.7)
# radians between flag and vertical: the steepest and the flattest flag (loss 0.0150 up to 1.2,
# 0.0070 here)
FLAG_ANGLE = (0.6, 1.0)
# sum of a row's values: the first row with more holds a 1's upper end (not swept)
MIN_ROW_INK = 0.5
# pixels: a flag is joined to its 1 this far below the upper end, within the stroke (not swept)
FLAG_INSET = 1.0

# probability: an image gets one of eight reflections, drawn evenly, if it is in NO_DIGIT (loss 0.0087 at 0, 0.0075 at
# 0.1, 0.0070 here)
OUTLIERS = 0.05
# bits: a reflection is a sum of these, done in this order
TRANSPOSED, UPSIDE_DOWN, MIRRORED = 1, 2, 4
# reflections: to the left and to the right
QUARTER_TURNS = (TRANSPOSED + UPSIDE_DOWN, TRANSPOSED + MIRRORED)
# by digit: the reflections that show no digit, whoever wrote it
NO_DIGIT = (
    (),  # 0
    (),  # 1: a slanting one is still a 1, turned or mirrored
    QUARTER_TURNS,  # 2: mirrored it is close to a 5
    (*QUARTER_TURNS, MIRRORED),  # 3
    QUARTER_TURNS,  # 4: by half a turn it is close to a 6
    QUARTER_TURNS,  # 5: mirrored it is close to a 2
    QUARTER_TURNS,  # 6: upside down it is close to a 9
    (*QUARTER_TURNS, MIRRORED, UPSIDE_DOWN, UPSIDE_DOWN + MIRRORED),  # 7
    (),  # 8
    QUARTER_TURNS,  # 9: upside down it is close to a 6
)

# probability: an image becomes the left one of two digits that touch (of 276 numbers in which some do 208 are right at
# 0, 223 here)
TOUCHING = 0.05
# share of its width: how much of one of them is there, at the least and the most; a wrong cut leaves a part (of 400
# numbers 362 are right if both are whole, and here; of 40 pages 18 and 20)
TOUCHING_PART = (0.6, 1.0)
# pixels: how far the boxes of the two overlap, at the least and the most (not swept)
OVERLAP = (0.0, 5.0)
# value: fainter columns are not in a digit's box (not swept)
BOX_INK = 0.3
# pixels: the width and height that MNIST's digits fit in
DIGIT_SIZE = 20.0


def augment(
    images: tf.Tensor,
    labels: tf.Tensor,
    others: tf.Tensor,
    seed: int,
    step: tf.Tensor,
    *,
    batch_size: int,
    rows: slice,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Distort each image of a batch, or of a part of one, in its own way, and turn some into no digit.

    Args:
        images: (B, 28, 28, 1) float32 in [0, 1], on a background of 0.
        labels: (B,) integers.
        others: (B, 28, 28, 1) like `images`: the digits that may touch them.
        seed: The run's seed.
        step: The training step of the batch, an int64 scalar.
        batch_size: The number of images in the whole batch.
        rows: The positions of `images` in the whole batch; a part is distorted as it is in the whole.

    Returns:
        Distorted images like `images`, and whether each (B,) still shows its digit; the first of a batch always does.

    """
    keys = tf.random.split(tf.stack([tf.constant(seed, tf.int64), step]), 5, alg="philox")

    def drawn(count: int, key: tf.Tensor) -> tf.Tensor:  # (count, B) in [0, 1)
        return tf.random.stateless_uniform((count, batch_size), key, alg="philox")[:, rows]

    may_change = tf.range(batch_size)[rows] > 0  # the first image stays a digit: a log's record tells of digits only
    images, is_outlier = _with_outliers(images, labels, drawn(2, keys[3]), may_change)
    parameters = tf.concat([_affine(batch_size, keys[0]), _elastic(batch_size, keys[1])], axis=2)
    # A matrix product may round a row differently if there are fewer rows: so the whole batch's is computed, then cut.
    coordinates = _coordinates(parameters)[rows]  # (B, 2, P)
    distorted = _resample(images, coordinates)
    distorted, touches = _with_touching(distorted, images, others, coordinates, drawn(3, keys[4]), may_change)
    is_digit = ~(is_outlier | touches)
    return _with_flags(distorted, images, (labels == 1) & is_digit, coordinates, drawn(3, keys[2])), is_digit


def _with_outliers(
    images: tf.Tensor, labels: tf.Tensor, uniform: tf.Tensor, may_change: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reflect some images (B, 28, 28, 1) so that they show no digit; return all, and whether each (B,) is such."""
    allowed = np.array([np.isin(np.arange(8), reflections) for reflections in NO_DIGIT])  # (10, 8)
    reflection = tf.cast(8 * uniform[1], tf.int32)  # (B,)
    is_outlier = tf.gather_nd(allowed, tf.stack([tf.cast(labels, tf.int32), reflection], 1)) & (uniform[0] < OUTLIERS)
    is_outlier &= may_change
    reflection = tf.where(is_outlier, reflection, 0)[:, None, None, None]
    images = tf.where(reflection & TRANSPOSED > 0, tf.transpose(images, (0, 2, 1, 3)), images)
    images = tf.where(reflection & UPSIDE_DOWN > 0, images[:, ::-1], images)
    images = tf.where(reflection & MIRRORED > 0, images[:, :, ::-1], images)
    return images, is_outlier


def _with_touching(
    distorted: tf.Tensor,
    images: tf.Tensor,
    others: tf.Tensor,
    coordinates: tf.Tensor,
    uniform: tf.Tensor,
    may_change: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Put two digits that touch in the place of some distorted images; return all, and whether each (B,) is such."""
    touches = may_change & (uniform[0] < TOUCHING)
    chosen = tf.where(touches)  # (T, 1)
    part, overlap = tf.unstack(tf.gather(uniform[1:], chosen[:, 0], axis=1))
    lefts, rights, places = (tf.gather_nd(each, chosen) for each in (images, others, coordinates))
    pairs = _touching(lefts, rights, places, part, overlap)
    return tf.tensor_scatter_nd_update(distorted, chosen, pairs), touches


def _with_flags(
    distorted: tf.Tensor, images: tf.Tensor, is_one: tf.Tensor, coordinates: tf.Tensor, uniform: tf.Tensor
) -> tf.Tensor:
    """Give a flag to some of the distorted images that show a 1; return all."""
    chosen = tf.where(is_one & (uniform[0] < FLAGGED))  # (F, 1)
    angle, length = tf.unstack(tf.gather(uniform[1:], chosen[:, 0], axis=1))
    flags = _flags(tf.gather_nd(images, chosen), tf.gather_nd(coordinates, chosen), angle, length)
    return tf.tensor_scatter_nd_max(distorted, chosen, flags)


def _flags(ones: tf.Tensor, coordinates: tf.Tensor, angle: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Return a flag for each 1, both (F, 28, 28, 1): its own stroke, shortened and turned about its upper end.

    A flag is distorted as its 1 is, by `coordinates` (F, 2, P). `angle` and `length` (F,) in [0, 1) choose within
    FLAG_ANGLE and FLAG_LENGTH. The flag of a slanting 1 is empty.
    """
    pixels = tf.range(float(SIZE)) - CENTRE
    by_row = tf.reduce_sum(ones, (2, 3))  # (F, S)
    by_row_x = tf.linalg.matvec(ones[..., 0], pixels)  # (F, S)
    ink = tf.reduce_sum(by_row, 1) + 1e-6
    y, x = tf.reduce_sum(by_row * pixels, 1) / ink, tf.reduce_sum(by_row_x, 1) / ink
    variance = tf.reduce_sum(by_row * pixels**2, 1) / ink - y**2
    covariance = tf.reduce_sum(by_row_x * pixels, 1) / ink - x * y
    columns_a_row = covariance / (variance + 1e-6)
    top = tf.reduce_min(tf.where(by_row > MIN_ROW_INK, pixels, CENTRE), 1) + FLAG_INSET  # (F,)
    end = tf.stack([top, x + columns_a_row * (top - y)], 1)[..., None]  # (F, 2, 1): y, x

    short = FLAG_LENGTH[0] + (FLAG_LENGTH[1] - FLAG_LENGTH[0]) * length
    turned = _along_and_across(FLAG_ANGLE[0] + (FLAG_ANGLE[1] - FLAG_ANGLE[0]) * angle)
    stroke = _along_and_across(-tf.atan(columns_a_row))
    lengthened = tf.stack([1.0 / short, tf.ones_like(short)], 1)[:, None]  # (F, 1, 2): shorter, as thick
    to_source = (stroke * lengthened) @ tf.linalg.matrix_transpose(turned)  # (F, 2, 2)
    flags = _resample(ones, CENTRE + end + to_source @ (coordinates - CENTRE - end))
    return tf.where((tf.abs(columns_a_row) < MAX_FLAGGED_SLANT)[:, None, None, None], flags, 0.0)


def _touching(
    lefts: tf.Tensor, rights: tf.Tensor, coordinates: tf.Tensor, part: tf.Tensor, overlap: tf.Tensor
) -> tf.Tensor:
    """Return pairs of digits side by side, scaled to the size of one, all (T, 28, 28, 1).

    They are distorted by `coordinates` (T, 2, P). `part` and `overlap` (T,) in [0, 1) choose within TOUCHING_PART and
    OVERLAP; a `part` below 0.5 cuts the left digit, another the right one.
    """
    columns = tf.range(float(SIZE))
    left_start, left_end = _box_columns(lefts)
    right_start, right_end = _box_columns(rights)
    lost = 1.0 - TOUCHING_PART[0] - (TOUCHING_PART[1] - TOUCHING_PART[0]) * (2.0 * part % 1.0)
    left_start += tf.where(part < 0.5, lost, 0.0) * (left_end - left_start)
    right_end -= tf.where(part < 0.5, 0.0, lost) * (right_end - right_start)
    lefts *= tf.cast(columns >= left_start[:, None], tf.float32)[:, None, :, None]
    rights *= tf.cast(columns < right_end[:, None], tf.float32)[:, None, :, None]
    width = left_end - left_start + right_end - right_start - (OVERLAP[0] + (OVERLAP[1] - OVERLAP[0]) * overlap)
    scale = tf.maximum(width / DIGIT_SIZE, 1.0)[:, None, None]
    from_centre = scale * (coordinates - CENTRE)  # (T, 2, P): y and x, of both together
    to_left, to_right = left_start + width / 2 - 0.5, right_end - width / 2 - 0.5  # (T,): the column of their centre

    def moved(images: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        return _resample(images, from_centre + tf.stack([tf.fill(tf.shape(column), CENTRE), column], 1)[..., None])

    return tf.maximum(moved(lefts, to_left), moved(rights, to_right))


def _box_columns(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the first column of each digit (T,), and the first after it, of images (T, 28, 28, 1), as float32."""
    has_ink = tf.cast(tf.reduce_max(images, (1, 3)) > BOX_INK, tf.int32)  # (T, S)
    start, after = tf.argmax(has_ink, 1), SIZE - tf.argmax(has_ink[:, ::-1], 1)
    return tf.cast(start, tf.float32), tf.cast(after, tf.float32)


def _along_and_across(angle: tf.Tensor) -> tf.Tensor:
    """Return the unit vectors (y, x) along and across strokes at `angle` (F,), left of down: (F, 2, 2), in columns."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    return tf.stack([tf.stack([cos, sin], 1), tf.stack([-sin, cos], 1)], 1)


def _affine(batch_size: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Draw the affine maps (B, 2, 3) that take (1, y, x) of a pixel in the result to its y and x in the source."""
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
    """Draw the heights (B, 2, K) of the bumps in the displacement fields down and across."""
    shape = (batch_size, 2, KNOTS * KNOTS)
    return tf.random.stateless_normal(shape, key, stddev=ELASTIC, alg="philox")


def _basis() -> npt.NDArray[np.float32]:
    """Tabulate what the parameters weigh, 1, y, x and K bumps, at all P pixels: (3 + K, P)."""
    pixels = np.arange(SIZE) - CENTRE  # (S,)
    knots = np.linspace(-CENTRE, CENTRE, KNOTS)
    bumps = np.exp(-0.5 * ((pixels - knots[:, None]) / SMOOTHNESS) ** 2)  # (KNOTS, S)
    fields = np.einsum("ay,bx->abyx", bumps, bumps).reshape(KNOTS**2, SIZE**2)  # (K, P)
    fields /= math.sqrt(np.mean(np.sum(fields**2, axis=0)))  # unit heights displace by 1 pixel RMS
    y, x = np.meshgrid(pixels, pixels, indexing="ij")
    return np.vstack([np.ones(SIZE**2), y.ravel(), x.ravel(), fields]).astype(np.float32)


def _coordinates(parameters: tf.Tensor) -> tf.Tensor:
    """Return the source's y and x (B, 2, P) for each pixel, given `parameters` (B, 2, 3 + K) of the basis."""
    basis = tf.constant(_basis())
    product = tf.reshape(parameters, (-1, basis.shape[0])) @ basis  # (B * 2, P)
    return tf.reshape(product, (-1, 2, SIZE * SIZE))


def _resample(images: tf.Tensor, coordinates: tf.Tensor) -> tf.Tensor:
    """Read `images` (B, 28, 28, 1) at `coordinates` (B, 2, P), y and x: bilinear within, 0 outside."""
    # An image with a border of one pixel has (S + 1) × (S + 1) cells; a convolution lists the four corners of each.
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
