"""Train from Python where MNIST is out of reach, and print the data, the ends of the warnings, and whom they name."""

import warnings

import mnistcnn

if __name__ == "__main__":
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = mnistcnn.train(steps=1, batch_size=2, quiet=True)
    assert result.test is not None
    messages = [str(one.message)[-60:] for one in caught if one.category is UserWarning]
    print(result.test.data, messages, caught[0].filename == __file__)
