"""A trained model at work: measured on labelled images, reading pictures."""
