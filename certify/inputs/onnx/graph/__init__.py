"""ONNX files that are no chain, told as graphs."""
