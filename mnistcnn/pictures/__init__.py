"""A picture as people take it, made into digits as MNIST draws them."""
