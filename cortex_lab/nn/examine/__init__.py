"""What is measured in a training, and where a value that is not finite was born."""
