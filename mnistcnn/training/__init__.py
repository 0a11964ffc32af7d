"""One run, from a configuration and a dataset to a trained model."""
