"""From a picture as people take it to digits as MNIST draws them; no Keras in here."""
